//! A location that comes with REGISTER: kept, refused, and told to a gateway.

use std::time::Duration;

use vrs_domain::CivicLocation;
use vrs_sip::{Body, Enclosure, Headers, Part, multipart};

use super::office::{ANA, CALLER, Office, TRUNKS, pass, seconds};
use super::party::Party;

const HOME: &str = "country=US;A1=NY;A3=Albany;RD=Elm;HNO=7";
const OFFICE: &str = "country=US;A1=NY;A3=Albany;RD=Pine;HNO=90";
const LAKE: &str = "country=US;A1=NY;A3=Albany;RD=Lake;HNO=1";

fn document(place: &str) -> Vec<u8> {
    let place: CivicLocation = place.parse().unwrap();
    vrs_pidf::write("pres:x@vrs.test".into(), &place, 1_795_277_045_000)
}

/// A document as the body of a REGISTER, with these values of Geolocation and Content-ID.
fn body(document: impl Into<Vec<u8>>, pointer: &str, id: &str) -> Enclosure {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Enclosure {
        headers: vec![header("Geolocation", pointer), header("Content-ID", id)],
        body: Body::new("application/pidf+xml", document),
    }
}

fn at(place: &str) -> Enclosure {
    body(
        document(place),
        "<cid:place@x.invalid>",
        "<place@x.invalid>",
    )
}

fn word(headers: &Headers) -> &str {
    headers.get("VRS-Location").unwrap_or("nothing is said")
}

async fn sign_in_at(office: &mut Office, account: &'static str, place: &str) -> (Party, Headers) {
    let mut party = Party::new(account);
    party.enclosure = Some(at(place));
    party.sign_in(office).await;
    let headers = party.granted().await;
    (party, headers)
}

#[tokio::test(start_paused = true)]
async fn f22_a_location_that_comes_with_register_is_kept_and_told_in_an_emergency() {
    let mut office = Office::open().await;
    let mut ana = office.sign_in(ANA).await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let (mut caller, headers) = sign_in_at(&mut office, CALLER, HOME).await;
    assert_eq!(word(&headers), "registered");
    assert_eq!(headers.get("Geolocation-Error"), None);
    assert_eq!(office.location(CALLER).as_deref(), Some(HOME));
    caller.call("911").await;
    ana.answer_next().await;
    let (_, invite) = gateway.incoming().await;
    let content_type = invite.headers.get("Content-Type").unwrap();
    let parts = multipart::parse(content_type, &invite.body).unwrap();
    let part = parts.iter().find(|part| part.is("application/pidf+xml"));
    let told = vrs_pidf::read(&part.unwrap().bytes).unwrap();
    assert_eq!(told.to_string(), HOME);
    for entry in office.entries() {
        assert!(!format!("{entry:?}").contains("Elm"), "{entry:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f22_without_a_location_the_caller_is_told_so_and_an_interpreter_is_not() {
    let mut office = Office::open().await;
    let mut caller = Party::new(CALLER);
    caller.sign_in(&mut office).await;
    assert_eq!(office.location(CALLER), None);
    // The next REGISTER is a refresh.
    assert_eq!(word(&caller.granted().await), "missing");
    let mut ana = office.sign_in(ANA).await;
    assert_eq!(ana.granted().await.get("VRS-Location"), None);
}

#[tokio::test(start_paused = true)]
async fn f22_a_location_is_changed_at_will_but_not_again_and_again() {
    let mut office = Office::open().await;
    let (mut caller, _) = sign_in_at(&mut office, CALLER, HOME).await;
    assert_eq!(word(&caller.enclose(at(OFFICE)).await), "registered");
    assert_eq!(office.location(CALLER).as_deref(), Some(OFFICE));
    let too_soon = caller.enclose(at(HOME)).await;
    assert_eq!(word(&too_soon), "registered;refused=too_soon");
    let error = too_soon.get("Geolocation-Error").unwrap();
    assert_eq!(error, "100;code=\"Cannot Process Location\"");
    assert_eq!(office.location(CALLER).as_deref(), Some(OFFICE));
    // What is registered already costs nothing.
    for _ in 0..5 {
        assert_eq!(word(&caller.enclose(at(OFFICE)).await), "registered");
    }
    pass(seconds(10)).await;
    assert_eq!(word(&caller.enclose(at(LAKE)).await), "registered");
    assert_eq!(office.location(CALLER).as_deref(), Some(LAKE));
}

#[tokio::test(start_paused = true)]
async fn f22_a_location_that_is_refused_leaves_the_registration_as_it_is() {
    let mut office = Office::open().await;
    let (pointer, id) = ("<cid:a@x>", "<a@x>");
    let bomb = "<!DOCTYPE p [<!ENTITY a \"aa\">]><p/>";
    let large = " ".repeat(20_000);
    let wrong = [
        (body(bomb, pointer, id), "unreadable"),
        (body(large, pointer, id), "unreadable"),
        (body("<presence/>", pointer, id), "unreadable"),
        (body("", pointer, id), "unreadable"),
        (body(document(HOME), "<cid:b@x>", id), "unreadable"),
        (body(document(HOME), "<sips:a@x>", id), "elsewhere"),
        (body(document(HOME), "nonsense", id), "elsewhere"),
    ];
    let mut caller = Party::new(CALLER);
    caller.enclosure = Some(wrong[0].0.clone());
    caller.sign_in(&mut office).await;
    assert_eq!(word(&caller.granted().await), "missing;refused=unreadable");
    for (enclosure, refusal) in wrong {
        let headers = caller.enclose(enclosure).await;
        assert_eq!(word(&headers), format!("missing;refused={refusal}"));
        assert!(headers.get("Geolocation-Error").is_some());
        let warning = headers.get("Warning").unwrap();
        assert!(!warning.contains("Elm"), "{warning}");
    }
    assert_eq!(office.location(CALLER), None);
    // The telephone still works.
    let mut ana = office.sign_in(ANA).await;
    let call = caller.call(super::office::TELEPHONE).await;
    ana.answer_next().await;
    caller.answered(call).await;
}

#[tokio::test(start_paused = true)]
async fn f22_an_interpreter_has_no_location() {
    let mut office = Office::open().await;
    let (mut ana, headers) = sign_in_at(&mut office, ANA, HOME).await;
    assert_eq!(headers.get("VRS-Location"), None);
    assert!(headers.get("Geolocation-Error").is_some());
    assert_eq!(office.location(ANA), None);
    let mut caller = office.sign_in(CALLER).await;
    caller.call(super::office::TELEPHONE).await;
    ana.answer_next().await;
}

#[tokio::test(start_paused = true)]
async fn f22_a_location_may_be_one_part_of_several() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let parts = [
        Part::new("text/plain", "hello"),
        Part::new("application/pidf+xml", document(HOME)).with("Content-ID", "<a@x>"),
    ];
    let enclosure = Enclosure {
        headers: vec![(
            "Geolocation".into(),
            "<sips:elsewhere@x>, <CID:a@x>;inserted-by=x".into(),
        )],
        body: multipart::compose("boundary", &parts),
    };
    assert_eq!(word(&caller.enclose(enclosure).await), "registered");
    assert_eq!(office.location(CALLER).as_deref(), Some(HOME));
    // Kept for the next start of the server, too.
    office.kill();
    caller.cut().await;
    pass(Duration::from_secs(1)).await;
    office.start().await;
    assert_eq!(office.location(CALLER).as_deref(), Some(HOME));
}
