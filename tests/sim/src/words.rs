//! Words about invitations that are over, or never were: a correct session lets them fall.
//!
//! What it is: what a node that was cut off for a while might still say, put straight into a
//! session's inbox, where no transaction of SIP has sorted it out (R13).

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use relay_core::queue::Match;
use relay_core::session::Decline;
use relay_server::session::Message;
use vrs_domain::{Epoch, SessionId};

use crate::cast::ca_id;
use crate::check::{Asking, Witness};
use crate::plan::StaleWord;

/// Interpreters that a word may be said in the name of.
const INTERPRETERS: u32 = 8;
/// How far ahead an epoch that has not been is.
const AHEAD_MAX: u32 = 5;

/// What the counters call such a word.
#[must_use]
pub const fn name(word: StaleWord) -> &'static str {
    match word {
        StaleWord::OldAnswer => "stale_answer",
        StaleWord::OldRefusal => "stale_refusal",
        StaleWord::OldLapse => "stale_lapse",
        StaleWord::Impostor => "stale_impostor",
        StaleWord::Early => "stale_early",
        StaleWord::Again => "second_answer",
    }
}

/// A word of this kind for one of the sessions that are `running`, if there is one that fits.
pub fn stray(
    witness: &Witness,
    word: StaleWord,
    dice: &mut StdRng,
    running: impl Fn(SessionId) -> bool,
) -> Option<(SessionId, Message)> {
    let (asked, seated) = witness.askings();
    let alive = |asking: &&Asking| asking.session.parse().is_ok_and(&running);
    let asked: Vec<_> = asked.iter().filter(alive).collect();
    let seated: Vec<_> = seated.iter().filter(alive).collect();
    let old = |asking: &&&Asking| {
        let newer = |other: &&Asking| other.session == asking.session && other.epoch > asking.epoch;
        asked.iter().any(newer) && !seated.contains(*asking)
    };
    let old: Vec<_> = asked.iter().filter(old).copied().collect();
    let list = match word {
        StaleWord::OldAnswer | StaleWord::OldRefusal | StaleWord::OldLapse => old,
        StaleWord::Impostor | StaleWord::Early => asked,
        StaleWord::Again => seated,
    };
    let mut asking = (*list.choose(dice)?).clone();
    match word {
        StaleWord::Impostor => {
            let others = (0..INTERPRETERS).map(ca_id);
            let others: Vec<_> = others.filter(|ca| *ca != asking.interpreter).collect();
            asking.interpreter = others.choose(dice)?.clone();
        }
        StaleWord::Early => asking.epoch += 100 + dice.random_range(0..AHEAD_MAX),
        StaleWord::OldAnswer | StaleWord::OldRefusal | StaleWord::OldLapse | StaleWord::Again => {}
    }
    let asked = Match {
        session: asking.session.parse().ok()?,
        seat: asking.seat,
        ca: asking.interpreter.parse().ok()?,
        epoch: Epoch(asking.epoch),
    };
    let session = asked.session;
    let message = match word {
        StaleWord::OldRefusal => Message::InterpreterRefused {
            asked,
            how: Decline::Declined,
            unfit: false,
        },
        StaleWord::OldLapse => Message::InvitationLapsed(asked),
        StaleWord::OldAnswer | StaleWord::Impostor | StaleWord::Early | StaleWord::Again => {
            Message::InterpreterAnswered {
                asked,
                center: None,
                sdp: "v=0 answer".into(),
            }
        }
    };
    Some((session, message))
}
