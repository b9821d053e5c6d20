//! Our forwarder with a party of one who is seen by ten: more than any relay call has, and what
//! a video room is measured by.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use relay_core::sfu::Party;
use relay_server::sfu::Forwarder;
use vrs_domain::SessionId;
use vrs_media::{Allowed, Certificate};

use super::Outcome;
use super::plane::Ask;

/// A place in the room: 0 is seen, the others see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place(u8);

const VIEWERS: [Place; 10] = [
    Place(1),
    Place(2),
    Place(3),
    Place(4),
    Place(5),
    Place(6),
    Place(7),
    Place(8),
    Place(9),
    Place(10),
];

impl Party for Place {
    fn viewers(self) -> &'static [Self] {
        match self {
            Self(0) => &VIEWERS,
            Self(_) => &[],
        }
    }

    fn watched(self) -> Option<Self> {
        match self {
            Self(0) => Some(Self(1)),
            Self(_) => Some(Self(0)),
        }
    }

    fn has_keys(self) -> bool {
        false
    }

    fn needs_picture(self) -> bool {
        false
    }
}

/// The child's side: answers as many offers as there are places, then forwards until it is killed.
pub(crate) fn serve() -> Outcome<()> {
    let local: SocketAddr =
        format!("{}:0", std::env::args().nth(2).ok_or("no address")?).parse()?;
    let certificate = Certificate::generate()?;
    let allowed = Allowed::everything();
    let mut forwarder = Forwarder::<Place>::bind(local, local, certificate, allowed)?;
    let mut poll = Poll::new()?;
    forwarder.register(poll.registry(), Token(0))?;
    for (place, line) in (0..=VIEWERS.len() as u8).zip(io::stdin().lines()) {
        let Ask { offer, .. } = serde_json::from_str(&line?)?;
        let rooms = &mut forwarder.rooms;
        let answer = rooms.answer(Instant::now(), SessionId(0), Place(place), &offer)?;
        println!("{}", serde_json::to_string(&answer)?);
    }
    let mut events = Events::with_capacity(2);
    let mut unread = true;
    loop {
        let next = forwarder.rooms.poll_timeout();
        let next = next.map(|at| at.saturating_duration_since(Instant::now()));
        let now = unread.then_some(Duration::ZERO);
        match poll.poll(&mut events, now.or(next)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        if unread || !events.is_empty() {
            unread = forwarder.read();
        }
        forwarder.rooms.handle_timeout(Instant::now());
        forwarder.flush();
        while forwarder.rooms.poll_notice().is_some() {}
    }
}
