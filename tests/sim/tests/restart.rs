//! What a restart of the server must not do to a conversation.

mod support;

use relay_core::clock::Now;
use relay_core::session::{Dialog, Input, Placed, Session};
use relay_server::journal::{Entry, Journal, Kind};
use relay_server::session::{Message, News, Speaker};
use support::phone::{Habit, Phone};
use support::{BEGINNING_MS, Place, pass};
use vrs_domain::{
    CaId, CallKind, Epoch, LanguagePair, Leg, ReliefReason, Seat, SessionId, Urgency,
};
use vrs_sim::cast::{CALLING, TELEPHONES, ca_id, number};

const NOW: Now = Now {
    utc_ms: BEGINNING_MS,
    mono_ms: 0,
};

/// What an earlier process wrote: a session that goes through these inputs.
async fn written(journal: &Journal, kind: CallKind, inputs: Vec<Input>) -> SessionId {
    let placed = Placed {
        kind,
        urgency: Urgency::Standard,
        caller: number(CALLING, 0).parse().ok(),
        anonymous: false,
        number: number(TELEPHONES, 0).parse().expect("a number"),
        languages: LanguagePair::default(),
        skill: None,
        gender: None,
        address: None,
        url: None,
    };
    let id = SessionId(7);
    let (mut session, step) = Session::place(id, NOW, placed);
    let mut events = vec![step.event];
    for input in inputs {
        events.push(session.handle(NOW, &input).expect("what fits").event);
    }
    for event in &events {
        journal.append(Entry::from(event)).await.expect("a disk");
    }
    id
}

fn seated(seat: Seat, epoch: u32) -> [Input; 2] {
    let ca: CaId = ca_id(epoch).parse().expect("a CA id");
    let epoch = Epoch(epoch);
    [
        Input::Matched {
            seat,
            ca: ca.clone(),
            epoch,
        },
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center: None,
        },
    ]
}

fn bound(leg: Leg) -> Input {
    let word = leg.word();
    let dialog = serde_json::json!({
        "call_id": word,
        "local": "<sip:relay@vrs.test>;tag=ours",
        "remote": format!("<sip:{word}@vrs.test>;tag=theirs"),
        "target": format!("sip:{word}@phone.test"),
        "local_cseq": 1,
        "contact_user": "relay",
    });
    let dialog = Dialog(dialog.to_string());
    Input::LegBound { leg, dialog }
}

const DIALLED: Input = Input::DialStarted { address: None };
const ANSWERED: Input = Input::CalledAnswered { address: None };

#[tokio::test(start_paused = true)]
async fn r02_a_leg_that_the_server_died_with_before_it_was_written_is_lost_by_name() {
    let mut place = Place::new();
    let (journal, _) = place.journal();
    let inputs = vec![DIALLED, ANSWERED];
    written(&journal, CallKind::PointToPoint, inputs).await;
    place.disk.die();
    drop(journal);
    let service = place.start().await;
    pass(1).await;
    let ends: Vec<_> = place.ends().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(ends, ["caller_lost"]);
    assert_eq!(service.switchboard.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn q4_news_of_who_was_relieved_is_not_about_who_sits_there_now() {
    let mut place = Place::new();
    let (journal, _) = place.journal();
    let mut inputs = seated(Seat::Lead, 1).to_vec();
    inputs.extend([DIALLED, ANSWERED]);
    inputs.push(Input::SeatAsked {
        seat: Seat::Relief,
        reason: Some(ReliefReason::Illness),
    });
    inputs.extend(seated(Seat::Relief, 2));
    let legs = [Leg::Caller, Leg::Hearing, Leg::Interpreter, Leg::Relief];
    inputs.extend(legs.map(bound));
    let id = written(&journal, CallKind::RelayOutbound, inputs).await;
    place.disk.die();
    drop(journal);
    let service = place.start().await;
    pass(1).await;
    let say = |leg, epoch, news| {
        let epoch = Some(Epoch(epoch));
        let who = Speaker { leg, epoch };
        let said = Message::Party { who, news };
        service.switchboard.tell(id, said);
    };
    // Two words of one loss, as when a phone says 481 to new media.
    let news = News::ReinviteAnswered { sdp: None };
    say(Leg::Interpreter, 1, news);
    say(Leg::Interpreter, 1, News::Lost);
    pass(1).await;
    let count = |wanted: fn(&Kind) -> bool| {
        let records = place.records();
        records.iter().filter(|(_, kind)| wanted(kind)).count()
    };
    let relieved = |kind: &Kind| matches!(kind, Kind::InterpreterRelieved { .. });
    let lost = |kind: &Kind| matches!(kind, Kind::InterpreterLost { .. });
    assert_eq!((count(relieved), count(lost)), (1, 0));
    assert!(place.ends().is_empty(), "{:?}", place.ends());
    // What the relief said before they had the lead is theirs, wherever they sit by now.
    say(Leg::Relief, 2, News::HungUp);
    pass(1).await;
    let ends: Vec<_> = place.ends().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(ends, ["interpreter_hung_up"]);
}

#[tokio::test(start_paused = true)]
async fn r02_a_conversation_without_interpreter_finds_one_who_signs_in_after_the_restart() {
    let mut place = Place::new();
    let service = place.start().await;
    let network = place.network.clone();
    Phone::gateway(&network).await.lives();
    let mut lead = Phone::signed_in(&network, &ca_id(0), 10).await;
    let mut caller = Phone::signed_in(&network, &number(CALLING, 0), 1).await;
    caller.call(&number(TELEPHONES, 0));
    tokio::join!(caller.answered(), lead.idle(5));
    tokio::join!(caller.idle(5), lead.idle(5));
    // The lead is lost, and who is asked instead declines: the newest epoch is nobody's.
    let other = Phone::signed_in(&network, &ca_id(1), 11).await;
    let mut other = other.with(Habit::Declines);
    lead.vanish();
    // A silent connection is noticed after 45 s, and its owner waited for for ten more.
    tokio::join!(caller.idle(65), other.idle(65));
    place.kill(&service);
    tokio::join!(caller.idle(2), other.idle(2));
    let service = place.start().await;
    caller.sign_in().await;
    caller.idle(20).await;
    let lost = |(_, kind): &(String, Kind)| matches!(kind, Kind::InterpreterLost { .. });
    let declined = |(_, kind): &(String, Kind)| matches!(kind, Kind::InvitationDeclined { .. });
    let records = place.records();
    assert!(records.iter().any(lost) && records.iter().any(declined));
    assert!(place.ends().is_empty(), "{:?}", place.ends());
    let mut new = Phone::signed_in(&network, &ca_id(2), 12).await;
    let since = tokio::time::Instant::now();
    new.invited().await;
    assert!(since.elapsed().as_secs() < 3, "{:?}", since.elapsed());
    tokio::join!(caller.idle(2), new.idle(2));
    caller.hang_up();
    tokio::join!(caller.idle(2), new.idle(2));
    let ends: Vec<_> = place.ends().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(ends, ["caller_hung_up"]);
    assert_eq!(service.switchboard.running(), 0);
}
