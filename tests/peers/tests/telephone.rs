//! A SIP telephone that we did not write, behind the trunk.

use std::net::UdpSocket;
use std::process::Command as Process;

use vrs_client::Command;
use vrs_e2e::{Party, Program, Service, ServiceBuilder};
use vrs_peers::installed;

/// A UDP port of loopback that nobody has at the moment.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address").port()
}

/// sipp, which sends every RTP packet back where it came from: what the interpreter says travels
/// to sipp and returns, so hearing oneself proves both directions.
fn sipp(scenario: &[&str]) -> (Program, String) {
    let (sip, media) = (free_port().to_string(), free_port().to_string());
    let mut command = Process::new(installed("sipp", "sip-tester"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp"));
    command.args(scenario);
    command.args(["-i", "127.0.0.1", "-p", &sip]);
    command.args(["-mi", "127.0.0.1", "-mp", &media]);
    command.args(["-rtp_echo", "-nostdin", "-m", "1", "-timeout", "90"]);
    (Program::start("sipp", &mut command), sip)
}

fn hears_themselves(party: &mut Party) {
    let heard = party.stats_where("their own tone, from the telephone", |stats| {
        stats.heard_hz.is_some_and(|hz| (hz - 440.0).abs() < 20.0)
    });
    assert!(heard.level_dbfs.is_some_and(|level| level > -40.0));
}

/// A whole call to the telephone behind this port; the service is still running afterwards.
fn converse_and_hang_up(sip: &str) -> Service {
    let service = ServiceBuilder::default()
        .gateway(&format!("127.0.0.1:{sip}"), "udp")
        .start();
    let (caller, mut interpreter) = service.conversation();
    hears_themselves(&mut interpreter);
    caller.send(Command::HangUp);
    interpreter.ended();
    service
}

#[test]
fn sipp_answers_and_the_interpreters_tone_travels_there_and_back() {
    let (_telephone, sip) = sipp(&["-sn", "uas"]);
    let mut service = converse_and_hang_up(&sip);
    service.stop_and_verify();
}

/// The scenario checks our answers to its re-INVITEs; sipp exits with 0 only if all of it fitted.
#[test]
fn a_gateway_may_announce_before_it_answers_and_change_its_media_in_the_call() {
    let (mut telephone, sip) = sipp(&["-sf", "announces_and_reoffers.xml"]);
    let mut service = converse_and_hang_up(&sip);
    telephone.succeeds();
    service.stop_and_verify();
}
