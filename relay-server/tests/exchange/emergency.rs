//! What goes along with a call for help, and what becomes of a gateway that cannot take it.

use vrs_sip::{FlowKind, Part, Request, multipart};

use super::office::{ANA, BEN, CALLER, Office, TELEPHONE, TRUNKS, pass, seconds};
use super::party::{Party, caller_with_interpreter, goes_on_until_hung_up, talking};

/// The parts of an INVITE; none when its body is the SDP alone.
fn parts(invite: &Request) -> Option<Vec<Part>> {
    let content_type = invite.headers.get("Content-Type").unwrap();
    multipart::parse(content_type, &invite.body)
}

/// The text of the part of this type.
fn told(invite: &Request, content_type: &str) -> Option<String> {
    let parts = parts(invite)?;
    let part = parts.iter().find(|part| part.is(content_type))?;
    Some(String::from_utf8(part.bytes.clone()).unwrap())
}

fn location(invite: &Request) -> Option<String> {
    told(invite, "application/pidf+xml")
}

fn comment(invite: &Request) -> String {
    told(invite, "application/EmergencyCallData.Comment+xml").unwrap()
}

fn is_bare(invite: &Request) -> bool {
    let content_type = invite.headers.get("Content-Type");
    let pointers = ["Geolocation", "Call-Info", "Priority"];
    content_type == Some("application/sdp")
        && pointers
            .iter()
            .all(|name| invite.headers.get(name).is_none())
}

#[tokio::test(start_paused = true)]
async fn f20_every_trunk_is_told_who_calls_and_from_where() {
    let mut office = Office::open().await;
    office.register_at(CALLER, "country=US;RD=Elm;HNO=7");
    let north = office.gateway(TRUNKS[0]).await;
    let south = office.gateway(TRUNKS[1]).await;
    let (_caller, _ana) = caller_with_interpreter(&mut office, "911").await;
    let mut gateways = [north, south];
    for (which, status) in [(0, 603), (1, 503), (0, 486)] {
        let gateway = &mut gateways[which];
        let (call, invite) = gateway.incoming().await;
        assert!(location(&invite).unwrap().contains("<ca:RD>Elm</ca:RD>"));
        assert!(comment(&invite).contains(&format!("CA {ANA}")));
        assert!(invite.headers.get("Geolocation").is_some());
        let sdp = told(&invite, "application/sdp").unwrap();
        assert!(sdp.starts_with("v=0"), "{sdp}");
        gateway.reject(call, status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f20_a_gateway_that_cannot_take_what_goes_along_gets_the_call_without_it() {
    let mut office = Office::open().await;
    let mut north = office.gateway(TRUNKS[0]).await;
    let mut south = office.gateway(TRUNKS[1]).await;
    let (mut caller, _ana) = caller_with_interpreter(&mut office, "911").await;
    let (call, invite) = north.incoming().await;
    assert!(!is_bare(&invite));
    north.reject(call, 415).await;
    let (call, invite) = north.incoming().await;
    assert!(is_bare(&invite));
    // Should that be refused, too, it was not the body.
    north.reject(call, 415).await;
    let (call, invite) = south.incoming().await;
    assert!(!is_bare(&invite), "the next gateway may know better");
    south.accept(call, "v=0 test").await;
    goes_on_until_hung_up(&office, &mut caller).await;
    office.assert_replays();
}

#[tokio::test(start_paused = true)]
async fn f20_where_large_datagrams_are_lost_a_small_one_follows() {
    let mut office = Office::open().await;
    let mut north = Party::new(TRUNKS[0]);
    north.kind = FlowKind::Datagram;
    north.connect(&mut office, Some(TRUNKS[0])).await;
    north.deafen().await;
    let mut south = office.gateway(TRUNKS[1]).await;
    let (_caller, _ana) = caller_with_interpreter(&mut office, "911").await;
    let (call, invite) = south.incoming().await;
    assert!(!is_bare(&invite));
    north.undeafen().await;
    south.reject(call, 503).await;
    let (call, invite) = north.incoming().await;
    assert!(is_bare(&invite));
    north.reject(call, 503).await;
    let (call, _) = south.incoming().await;
    south.reject(call, 503).await;
    let (_, invite) = north.incoming().await;
    assert!(!is_bare(&invite), "it may have been an outage");
}

#[tokio::test(start_paused = true)]
async fn f21_a_telephone_that_is_called_again_is_told_the_present_state() {
    let mut office = Office::open().await;
    let (_caller, mut ana, mut gateway) = talking(&mut office, "911").await;
    ana.cut().await;
    let mut ben = office.sign_in(BEN).await;
    ben.answer_next().await;
    office.register_at(CALLER, "country=US;RD=Oak;HNO=8");
    gateway.cut().await;
    pass(seconds(5)).await;
    gateway.connect(&mut office, Some(TRUNKS[0])).await;
    let (_, invite) = gateway.incoming().await;
    assert!(comment(&invite).contains(&format!("CA {BEN}")));
    assert!(location(&invite).unwrap().contains("<ca:RD>Oak</ca:RD>"));
}

#[tokio::test(start_paused = true)]
async fn f20_whoever_withholds_their_number_does_not_in_an_emergency() {
    let mut office = Office::open().await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut ana = office.sign_in(ANA).await;
    let mut caller = office.sign_in(CALLER).await;
    caller.headers = vec![("Privacy".into(), "id".into())];
    caller.call("911").await;
    ana.answer_next().await;
    let (_, invite) = gateway.incoming().await;
    let header = |name| invite.headers.get(name).unwrap_or_default();
    assert_eq!(header("Privacy"), "");
    assert!(header("P-Asserted-Identity").contains(CALLER));
    assert!(header("From").contains(CALLER));
    let subscriber = told(&invite, "application/EmergencyCallData.SubscriberInfo+xml").unwrap();
    assert!(subscriber.contains("privacyRequested=\"false\"") && subscriber.contains(CALLER));
}

#[tokio::test(start_paused = true)]
async fn a32_nothing_goes_along_with_an_ordinary_call() {
    let mut office = Office::open().await;
    office.register_at(CALLER, "country=US;RD=Elm;HNO=7");
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let (_caller, _ana) = caller_with_interpreter(&mut office, TELEPHONE).await;
    let (_, invite) = gateway.incoming().await;
    assert!(is_bare(&invite));
}
