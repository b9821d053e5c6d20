//! Browsers that have pictures in VP8 alone: with each other, and with our apps, which have none.

use vrs_client::Command;
use vrs_e2e::{NUMBER, Service, ServiceBuilder};
use vrs_peers::Browser;

const PASSWORD: &str = "a browser's password";
const CALLER: &str = "+15550100002";
const INTERPRETER: &str = "3456";

fn service() -> Service {
    let service = ServiceBuilder::default()
        .configure("allow_md5 = false", "allow_md5 = true")
        .start();
    service.add_account("caller", CALLER, PASSWORD, &["--digest", "md5"]);
    let languages = ["--languages", "ase/en", "--digest", "md5"];
    service.add_account("interpreter", INTERPRETER, PASSWORD, &languages);
    service
}

#[test]
fn r44_two_chromiums_see_each_other_in_vp8_and_both_are_heard_at_the_telephone() {
    let mut service = service();
    let vp8 = Some("VP8");
    let interpreter = Browser::with_video(&service, INTERPRETER, PASSWORD, None, vp8);
    interpreter.event("registered");
    let mut caller = Browser::with_video(&service, CALLER, PASSWORD, Some(NUMBER), vp8);
    interpreter.event("invited");
    caller.event("confirmed");
    for browser in [&interpreter, &caller] {
        let seen = browser.event_where("stats", |stats| {
            stats["framesDecoded"].as_u64() > Some(20) && stats["audioLevel"].as_f64() > Some(0.01)
        });
        assert_eq!(seen["codec"], "video/VP8");
        assert_eq!(seen["cipher"], "SRTP_AEAD_AES_128_GCM");
    }
    caller.hang_up();
    let ended = interpreter.event("ended");
    assert_eq!(ended["reason"], "caller_hung_up");
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn a_chromium_without_the_apps_pictures_is_told_so_and_sees_no_black() {
    let mut service = service();
    let mut interpreter = service.interpreter();
    let vp8 = Some("VP8");
    let caller = Browser::with_video(&service, CALLER, PASSWORD, Some(NUMBER), vp8);
    caller.event("registered");
    interpreter.invited();
    interpreter.send(Command::Answer);
    let failed = caller.event("failed");
    assert_eq!(failed["status"], 488);
    assert_eq!(failed["reason"], "no_common_codec");
    interpreter.ended();
    service.stop_and_verify();
}
