//! What emergency services are told, by the real programs (47 CFR 9.14).

use serde_json::{Value, json};
use vrs_client::{Command, Event, LocationReport, Role};
use vrs_domain::{EndReason, Sensitive};
use vrs_e2e::{
    CALLER, CALLER_PASSWORD, INTERPRETER, Party, Program, Service, ServiceBuilder, is_talking,
    server,
};

const NEIGHBOUR: &str = "+15550100002";
const NEIGHBOUR_PASSWORD: &str = "a neighbour's password";
/// With every sign that means something to XML.
const NAME: &str = "Ana <Ruiz> & \"Co\"";
const LOCATION: &str = "country=US;A1=NY;A3=New York;RD=Broadway & 5th;HNO=123;PC=10007";

/// What the telephone wrote about the call of this number, as soon as it is over.
fn report(telephone: &Program, call: u32) -> Value {
    let begin = format!("call {call}: over: ");
    telephone.find(&begin, |line| {
        serde_json::from_str(line.strip_prefix(&begin)?).ok()
    })
}

/// The facts that the rules name, and what belongs to them.
fn assert_told(told: &Value, location: &Value) {
    assert_eq!(told["subscriber"], NAME, "{told}");
    assert_eq!(told["number"], NEIGHBOUR, "{told}");
    assert_eq!(told["location"], *location, "{told}");
    assert_eq!(told["provider"], "Example <Relay>", "{told}");
    assert_eq!(told["provider_type"], "Relay Provider", "{told}");
    assert_eq!(told["callback"], "+15550100100", "{told}");
    assert_eq!(told["ca"], INTERPRETER, "{told}");
    let comment = told["comment"].as_str().expect("words");
    assert!(comment.contains("call back +15550100100"), "{comment}");
}

/// 911 with the interpreter, until all three are in conversation.
fn call_for_help(caller: &mut Party, interpreter: &mut Party) {
    caller.call("911");
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.call_where("the conversation", is_talking);
    interpreter.call_where("the conversation", is_talking);
}

fn hang_up(caller: &mut Party, interpreter: &mut Party) {
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    caller.wait("the end", |event| {
        matches!(event, Event::CallEnded(_)).then_some(())
    });
}

#[test]
fn f20_emergency_services_are_told_all_five_facts_and_again_when_they_are_called_again() {
    let service_name = "[emergency]\nprovider = \"Example <Relay>\"\ncallback = \"+15550100100\"";
    let mut service = ServiceBuilder::default()
        .configure("[emergency]", service_name)
        .configure("level = \"info\"", "level = \"trace\"")
        .configure(
            "#file = \"relay-server.log\"",
            "file = \"relay-server.log\"",
        )
        .over_cable()
        .start();
    let more = ["--name", NAME, "--location", LOCATION];
    service.add_account("caller", NEIGHBOUR, NEIGHBOUR_PASSWORD, &more);
    let mut interpreter = service.interpreter();
    let mut caller = Party::caller(&service, NEIGHBOUR, NEIGHBOUR_PASSWORD);
    call_for_help(&mut caller, &mut interpreter);
    service.telephone_is_lost_and_called_back(&mut caller, &mut interpreter);
    hang_up(&mut caller, &mut interpreter);
    let location = json!({
        "country": "US", "A1": "NY", "A3": "New York", "RD": "Broadway & 5th", "HNO": "123",
        "PC": "10007",
    });
    let telephone = service.telephone().expect("a telephone");
    let (first, second) = (report(telephone, 1), report(telephone, 2));
    assert_eq!(first["ended_by"], "transport", "{first}");
    assert_told(&first["emergency"], &location);
    assert_told(&second["emergency"], &location);
    assert_eq!(second["emergency"]["method"], "Manual");
    let log = service.dir().join("server/relay-server.log");
    let said = std::fs::read_to_string(log).expect("a log");
    assert!(said.contains("what emergency services need goes along"));
    let journal = service.stop_and_verify();
    for private in ["Broadway", "Ruiz", "10007"] {
        assert!(!said.contains(private), "'{private}' is in the log");
        assert!(!journal.contains(private), "'{private}' is in the journal");
    }
}

#[test]
fn f22_a_location_that_is_changed_while_the_server_runs_is_told_from_the_next_call_on() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    // Nobody is refused help for want of an address.
    call_for_help(&mut caller, &mut interpreter);
    hang_up(&mut caller, &mut interpreter);
    let telephone = service.telephone().expect("a telephone");
    let told = report(telephone, 1)["emergency"].clone();
    assert_eq!(told["location"], json!({}), "{told}");
    assert_eq!(told["subscriber"], CALLER, "the number, without a name");
    assert_eq!(
        told["callback"], CALLER,
        "which rings them through an interpreter"
    );
    assert_eq!(told["provider"], "localhost", "the domain, without a name");
    assert_eq!(told["ca"], INTERPRETER);
    let place = "country=us;A3=Albany;RD=Elm";
    let moved = ["account", "set-location", CALLER, place, "--config"];
    let moved = server(&moved, service.config());
    assert!(moved.status.success(), "{moved:?}");
    call_for_help(&mut caller, &mut interpreter);
    hang_up(&mut caller, &mut interpreter);
    let told = report(service.telephone().expect("a telephone"), 2)["emergency"].clone();
    let place = json!({ "country": "US", "A3": "Albany", "RD": "Elm" });
    assert_eq!(told["location"], place, "{told}");
    service.stop_and_verify();
}

/// Types an address and saves it.
fn move_to(caller: &Party, place: &str) {
    let place = Sensitive::new(place.parse().expect("a location"));
    caller.send(Command::SetLocation(Some(place)));
}

/// What the provider says of the address next.
fn located(caller: &mut Party) -> LocationReport {
    caller.wait("word of the location", |event| {
        if let Event::Location(report) = event {
            Some(*report)
        } else {
            None
        }
    })
}

/// The location that the telephone was told in the call of this number.
fn told_in(service: &Service, call: u32) -> Value {
    let telephone = service.telephone().expect("a telephone");
    report(telephone, call)["emergency"]["location"].clone()
}

#[test]
fn f22_callers_say_where_they_are_and_a_change_is_told_from_the_next_call_on() {
    let mut service = ServiceBuilder::default()
        .configure("level = \"info\"", "level = \"trace\"")
        .configure(
            "#file = \"relay-server.log\"",
            "file = \"relay-server.log\"",
        )
        .start();
    let kept = LocationReport {
        registered: Some(true),
        answer: Some(Ok(())),
    };
    let mut interpreter = service.interpreter();
    let mut caller = Party::new(&service, Role::Caller, CALLER, 660.0);
    move_to(&caller, "country=US;A1=NY;A3=Albany;RD=Elmwood;HNO=7");
    caller.sign_in(&service, CALLER, CALLER_PASSWORD);
    caller.signed_in();
    assert_eq!(located(&mut caller), kept);
    call_for_help(&mut caller, &mut interpreter);
    // Somebody goes somewhere else, and says so while they are signed in.
    move_to(
        &caller,
        "country=US;A1=NY;A3=Albany;RD=Pinegrove & 3rd;HNO=90",
    );
    assert_eq!(located(&mut caller), kept);
    hang_up(&mut caller, &mut interpreter);
    let albany = |street: &str, house: &str| json!({ "country": "US", "A1": "NY", "A3": "Albany", "RD": street, "HNO": house });
    assert_eq!(told_in(&service, 1), albany("Elmwood", "7"));
    call_for_help(&mut caller, &mut interpreter);
    hang_up(&mut caller, &mut interpreter);
    assert_eq!(told_in(&service, 2), albany("Pinegrove & 3rd", "90"));
    // It outlives the server, and a device that does not share it changes nothing.
    service.kill_server();
    drop((caller, interpreter));
    service.run_server();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    let known = LocationReport {
        registered: Some(true),
        answer: None,
    };
    assert_eq!(located(&mut caller), known);
    call_for_help(&mut caller, &mut interpreter);
    hang_up(&mut caller, &mut interpreter);
    assert_eq!(told_in(&service, 3), albany("Pinegrove & 3rd", "90"));
    let log = service.dir().join("server/relay-server.log");
    let said = std::fs::read_to_string(log).expect("a log");
    let journal = service.stop_and_verify();
    for private in ["Elmwood", "Pinegrove"] {
        assert!(!said.contains(private), "'{private}' is in the log");
        assert!(!journal.contains(private), "'{private}' is in the journal");
    }
}
