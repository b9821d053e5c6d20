//! What a request says about its call, and in whose name.

use vrs_sip::Uri;

use super::office::{
    ANA, CALLER, DOMAIN, EVA, NED, OTHER, Office, SPANISH, TELEPHONE, TRUNKS, pass, seconds,
};
use super::party::{Party, incoming};

/// The service, a gateway, this interpreter and a caller.
async fn all_there(interpreter: &'static str) -> (Office, Party, Party, Party) {
    let mut office = Office::open().await;
    let gateway = office.gateway(TRUNKS[0]).await;
    let interpreter = office.sign_in(interpreter).await;
    let caller = office.sign_in(CALLER).await;
    (office, gateway, interpreter, caller)
}

#[tokio::test(start_paused = true)]
async fn f18_help_is_at_the_telephone_whoever_has_a_ca_id_that_reads_like_its_number() {
    let (_office, mut gateway, mut ned, mut caller) = all_there(NED).await;
    caller.call(NED).await;
    let (call, asked) = ned.incoming().await;
    assert_eq!(asked.headers.get("VRS-Urgency"), Some("emergency"));
    assert_eq!(asked.headers.get("VRS-Answer-Within"), Some("20"));
    ned.accept(call, "v=0 test").await;
    let (_, invite) = gateway.incoming().await;
    assert_eq!(invite.uri.user_decoded().as_deref(), Some(NED));
}

#[tokio::test(start_paused = true)]
async fn f18_nothing_that_a_request_says_keeps_its_caller_from_help() {
    let (_office, mut gateway, mut ana, mut caller) = all_there(ANA).await;
    let strange = [
        ("VRS-Languages", "ase/klingon"),
        ("VRS-Skill", "plumbing"),
        ("VRS-Gender", "any"),
        ("VRS-Call-Kind", "conference"),
    ];
    let strange = strange.map(|(name, value)| (name.to_owned(), value.to_owned()));
    caller.headers.extend(strange);
    let (from, help) = (Uri::sip("somebody", DOMAIN), Uri::sip("911", DOMAIN));
    caller.call_as(from, help, None).await;
    ana.answer_next().await;
    let (_, invite) = gateway.incoming().await;
    assert_eq!(invite.uri.user_decoded().as_deref(), Some("911"));
    let asserted = invite.headers.get("P-Asserted-Identity").unwrap();
    assert!(asserted.contains(CALLER), "{asserted}");
}

#[tokio::test(start_paused = true)]
async fn f18_a_word_that_nobody_knows_takes_nothing_from_those_beside_it() {
    let (mut office, _gateway, _ana, mut caller) = all_there(ANA).await;
    let mut eva = office.sign_in(EVA).await;
    let said = [("VRS-Gender", "any"), ("VRS-Languages", "ase/es")];
    let said = said.map(|(name, value)| (name.to_owned(), value.to_owned()));
    caller.headers.extend(said);
    caller.call("911").await;
    let (_, asked) = eva.incoming().await;
    assert_eq!(asked.headers.get("VRS-Urgency"), Some("emergency"));
}

#[tokio::test(start_paused = true)]
async fn f18_the_service_for_emergencies_is_the_number_for_them() {
    let (_office, mut gateway, mut ana, mut caller) = all_there(ANA).await;
    let sos = Uri::parse("urn:service:sos.fire").unwrap();
    let from = Uri::sip(CALLER, DOMAIN);
    caller.call_as(from, sos, None).await;
    ana.answer_next().await;
    let (_, invite) = gateway.incoming().await;
    assert_eq!(invite.uri.user_decoded().as_deref(), Some("911"));
}

#[tokio::test(start_paused = true)]
async fn who_calls_anonymously_by_the_book_is_not_shown() {
    let (_office, mut gateway, mut ana, mut caller) = all_there(ANA).await;
    let nobody = Uri::sip("anonymous", "anonymous.invalid");
    caller
        .call_as(nobody, Uri::sip(TELEPHONE, DOMAIN), None)
        .await;
    ana.answer_next().await;
    let (_, invite) = gateway.incoming().await;
    let from = invite.headers.get("From").unwrap();
    assert!(from.contains("anonymous.invalid"), "{from}");
    assert!(invite.headers.lists_token("Privacy", "id"));
}

#[tokio::test(start_paused = true)]
async fn a09_nobody_calls_in_anothers_name() {
    let mut office = Office::open().await;
    let mut caller = office.sign_in(CALLER).await;
    let (from, to) = (Uri::sip(OTHER, DOMAIN), Uri::sip(TELEPHONE, DOMAIN));
    let call = caller.call_as(from, to, None).await;
    let (status, reason) = caller.refused(call).await;
    assert_eq!((status, reason.as_deref()), (403, Some("not_allowed")));
}

#[tokio::test(start_paused = true)]
async fn a_telephone_that_calls_a_subscriber_gets_an_interpreter_of_their_languages() {
    let mut office = Office::open().await;
    let mut gateway = office.gateway(TRUNKS[0]).await;
    let mut ana = office.sign_in(ANA).await;
    let mut eva = office.sign_in(EVA).await;
    let mut spanish = office.sign_in(SPANISH).await;
    gateway.call(SPANISH).await;
    eva.answer_next().await;
    spanish.answer_next().await;
    assert!(ana.within(seconds(5), incoming).await.is_none());
    // Their own calls are in these languages, too.
    let call = eva.calls()[0];
    eva.hang_up(call).await;
    pass(seconds(5)).await;
    assert_eq!(office.ends(), ["interpreter_hung_up"]);
    spanish.call(TELEPHONE).await;
    eva.answer_next().await;
}
