//! A SIP telephone that we did not write, behind the trunk.

use vrs_client::Command;
use vrs_e2e::{Party, Service, ServiceBuilder};
use vrs_peers::sipp;

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
