//! `[[trunk]]`: ways to the telephone network, and the rule that none is plaintext by accident.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::super::raw::{Raw, RawTrunk};
use super::super::resolved::{Trunk, TrunkHost, TrunkTransport};
use super::super::rules::{Carrier, is_local};
use super::queue::seconds;
use super::{Resolver, is_host};
use crate::tls;
use vrs_domain::limit::MEDIA_IDLE_TIMEOUT;

impl Resolver<'_> {
    pub(super) fn trunks(&mut self, raw: &Raw) -> Vec<Trunk> {
        let mut trunks: Vec<Trunk> = Vec::new();
        for (index, written) in raw.trunks.iter().enumerate() {
            let Some(trunk) = self.trunk(index + 1, written, raw) else {
                continue;
            };
            if trunks.iter().any(|t| t.name == trunk.name) {
                let message = format!("there is already a trunk '{}'", trunk.name);
                self.problem(
                    Some(written.line),
                    &format!("[[trunk]] {}", index + 1),
                    message,
                    "give each trunk a name of its own",
                );
            }
            trunks.push(trunk);
        }
        trunks
    }

    fn trunk(&mut self, number: usize, t: &RawTrunk, raw: &Raw) -> Option<Trunk> {
        let key = |word: &str| format!("[[trunk]] {number} {word}");
        let name = t
            .name
            .as_ref()
            .map_or_else(|| format!("trunk-{number}"), |n| n.value.clone());
        let transport = self.transport(number, t)?;
        let example = "add: address = \"sip.carrier.example:5061\"";
        let address = self.need(&key("address"), &t.address, example);
        let local = self.need(
            &key("local"),
            &t.local,
            "add: local = \"127.0.0.1:5061\" (our own address for this trunk)",
        );
        let (address, local) = (address?, local?);
        let Some((host, port)) = host_and_port(&address.value) else {
            let message = format!("'{}' is not a host and a port", address.value);
            self.problem(
                Some(address.line),
                &key("address"),
                message,
                "write it like \"sip.carrier.example:5061\" or \"10.0.0.9:5060\"",
            );
            return None;
        };
        let carrier = if transport == TrunkTransport::Udp {
            Carrier::Udp
        } else {
            Carrier::Tcp
        };
        let local_address = self.socket(&key("local"), local, carrier)?;
        let plaintext = t.plaintext.as_ref().is_some_and(|p| p.value);
        let srtp = t
            .srtp
            .as_ref()
            .map_or(transport == TrunkTransport::Tls, |s| s.value);
        self.plaintext_rules(number, t, transport, srtp, &host, local_address);
        let silence = seconds(t.silence_s.as_ref(), MEDIA_IDLE_TIMEOUT);
        let ca_file = self.authority(number, t);
        let media_address = self.trunk_media_address(number, t, local_address, raw)?;
        Some(Trunk {
            name,
            host,
            port,
            transport,
            plaintext,
            ca_file,
            srtp,
            silence: Some(silence).filter(|wait| !wait.is_zero()),
            local: local_address,
            media_address,
        })
    }

    fn transport(&mut self, number: usize, t: &RawTrunk) -> Option<TrunkTransport> {
        match t.transport.as_ref().map(|v| (v.value.as_str(), v.line)) {
            Some(("udp", _)) => Some(TrunkTransport::Udp),
            Some(("tcp", _)) => Some(TrunkTransport::Tcp),
            Some(("tls", _)) | None => Some(TrunkTransport::Tls),
            Some((other, line)) => {
                let key = format!("[[trunk]] {number} transport");
                let message = format!("'{other}' is not a transport");
                self.problem(
                    Some(line),
                    &key,
                    message,
                    "write \"tls\", \"tcp\" or \"udp\"",
                );
                None
            }
        }
    }

    /// The carrier's certificate authority, read once so that `check` finds a wrong file.
    fn authority(&mut self, number: usize, t: &RawTrunk) -> Option<PathBuf> {
        let value = t.ca_file.as_ref()?;
        let path = self.path(value);
        if let Err(error) = tls::client_config(Some(&path)) {
            let key = format!("[[trunk]] {number} ca_file");
            let hint = "a PEM file with the carrier's certificate authority";
            self.problem(Some(value.line), &key, error.to_string(), hint);
        }
        Some(path)
    }

    /// The address put into SDP towards the trunk.
    fn trunk_media_address(
        &mut self,
        number: usize,
        t: &RawTrunk,
        local: SocketAddr,
        raw: &Raw,
    ) -> Option<IpAddr> {
        if let Some(value) = &t.media_address {
            return self.ip(&format!("[[trunk]] {number} media_address"), value);
        }
        if !local.ip().is_unspecified() {
            return Some(local.ip());
        }
        if let Some(value) = &raw.listen.media_address {
            // Whether it is an address at all was checked with [listen].
            return value.value.parse().ok();
        }
        let line = t.local.as_ref().map(|l| l.line);
        let message = "listens on every address, so the one to tell the trunk must be said";
        let hint = "add: media_address = \"203.0.113.7\"";
        self.problem(line, &format!("[[trunk]] {number} local"), message, hint);
        None
    }

    /// No plaintext on an external edge: unencrypted trunks need the mark and a private address.
    fn plaintext_rules(
        &mut self,
        number: usize,
        t: &RawTrunk,
        transport: TrunkTransport,
        srtp: bool,
        host: &TrunkHost,
        local: SocketAddr,
    ) {
        let key = |word: &str| format!("[[trunk]] {number} {word}");
        let unencrypted = transport != TrunkTransport::Tls || !srtp;
        let mark = t.plaintext.as_ref().filter(|p| p.value);
        let Some(mark) = mark else {
            if unencrypted {
                let what = if transport == TrunkTransport::Tls {
                    "srtp = false".to_owned()
                } else {
                    format!("transport = \"{transport}\"")
                };
                let message = format!("{what} sends calls unencrypted and is not marked so");
                let hint = "use transport = \"tls\" with SRTP; or, for a gateway on a loopback or private address, add plaintext = true";
                let line = if transport == TrunkTransport::Tls {
                    t.srtp.as_ref().map(|s| s.line)
                } else {
                    t.transport.as_ref().map(|v| v.line)
                };
                self.problem(line, &key("plaintext"), message, hint);
            }
            return;
        };
        if !unencrypted {
            let message = "contradicts transport = \"tls\" with SRTP";
            self.problem(
                Some(mark.line),
                &key("plaintext"),
                message,
                "remove plaintext = true",
            );
            return;
        }
        let private = matches!(host, TrunkHost::Address(ip) if is_local(*ip));
        if !private {
            let message = format!(
                "is only for a gateway on a loopback or private address, and {host} is not one"
            );
            self.problem(
                Some(mark.line),
                &key("plaintext"),
                message,
                "use transport = \"tls\", or write the gateway's private address",
            );
        }
        if transport != TrunkTransport::Tls && !is_local(local.ip()) {
            let message = format!("{local} would open plaintext SIP to the outside");
            let line = t.local.as_ref().map(|l| l.line);
            self.problem(
                line,
                &key("local"),
                message,
                "listen on a loopback or private address",
            );
        }
    }
}

fn host_and_port(text: &str) -> Option<(TrunkHost, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then(|| (TrunkHost::Address(address.ip()), address.port()));
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|&p| p != 0)?;
    // Digits and dots that are no address are a typing error, not a name.
    let name = is_host(host) && host.contains(|c: char| c.is_ascii_alphabetic());
    name.then(|| (TrunkHost::Name(host.to_ascii_lowercase()), port))
}
