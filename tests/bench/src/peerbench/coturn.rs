//! coturn with one relay thread, and with the credentials of ours.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;

use super::Outcome;
use super::daemon::Daemon;
use super::turn::Folder;

/// Threads that relay.
const RELAY_THREADS: &str = "1";

pub(crate) struct Coturn {
    pub(crate) daemon: Daemon,
    pub(crate) folder: Folder,
}

/// The daemon, and where it listens.
pub(crate) fn start() -> Outcome<(Coturn, SocketAddr)> {
    let folder = Folder::make()?;
    let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let secret = folder.secret()?;
    let secret = std::str::from_utf8(secret.expose())?;
    let place = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "listening-ip={ip}\nrelay-ip={ip}\nlistening-port={port}\nrealm=visavis\n\
         use-auth-secret\nstatic-auth-secret={secret}\nfingerprint\nallow-loopback-peers\n\
         no-tcp\nno-tls\nno-dtls\nno-cli\nno-stdout-log\nsyslog\n\
         userdb={database}\npidfile={pid}\n",
        ip = free.ip(),
        port = free.port(),
        database = place("coturn.db"),
        pid = place("coturn.pid"),
    );
    let file = place("coturn.conf");
    fs::write(&file, text)?;
    let mut command = Command::new("turnserver");
    command.args(["-c", &file, "-m", RELAY_THREADS]);
    let daemon = Daemon::quiet(&mut command, "coturn")?;
    Ok((Coturn { daemon, folder }, free))
}
