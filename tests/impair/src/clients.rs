//! Who is behind the proxy: two links for each client, without a socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::link::Link;
use crate::profile::{Profile, ProfileError};

/// Clients at a time.
pub const CLIENTS_MAX: usize = 64;
/// Where there is no room, a new client takes the place of one that was silent for longer than
/// this (RFC 4787 section 4.3: a NAT keeps a mapping for at least two minutes).
pub const CLIENT_SILENT_MAX: Duration = Duration::from_secs(120);

/// One of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From clients to the target.
    Up,
    /// From the target to clients.
    Down,
}

impl Direction {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// What a client is told when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It was here before.
    Known,
    /// It is new, and another one may have had to go.
    New {
        /// Who was silent for too long.
        forgotten: Option<SocketAddr>,
    },
    /// There are [`CLIENTS_MAX`] others; what it sends is dropped.
    Refused,
}

/// One direction for all clients.
#[derive(Debug)]
struct Way {
    profile: Profile,
    is_cut: bool,
    /// Of clients that are forgotten.
    past: Counters,
}

#[derive(Debug)]
struct Client {
    up: Link,
    down: Link,
    last_heard: Instant,
}

impl Client {
    const fn link(&mut self, direction: Direction) -> &mut Link {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// The links of all clients.
///
/// Each client has a network of its own: what others send neither fills its queue nor changes
/// which of its datagrams are lost. The n-th client that comes always gets the same chances.
#[derive(Debug)]
pub struct Clients {
    seed: u64,
    up: Way,
    down: Way,
    clients: BTreeMap<SocketAddr, Client>,
    admitted: u64,
    refused: u64,
}

impl Clients {
    /// Nobody yet, and how the network will be for those who come.
    ///
    /// # Errors
    /// When a value of a profile is out of its range.
    pub fn new(up: Profile, down: Profile, seed: u64) -> Result<Self, ProfileError> {
        let way = |profile: Profile| {
            profile.validate().map(|()| Way {
                profile,
                is_cut: false,
                past: Counters::default(),
            })
        };
        Ok(Self {
            seed,
            up: way(up)?,
            down: way(down)?,
            clients: BTreeMap::new(),
            admitted: 0,
            refused: 0,
        })
    }

    const fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// Somebody sends from `client`: makes them a network if they are new and there is room.
    pub fn admit(&mut self, now: Instant, client: SocketAddr) -> Admission {
        if let Some(known) = self.clients.get_mut(&client) {
            known.last_heard = now;
            return Admission::Known;
        }
        let mut forgotten = None;
        if self.clients.len() >= CLIENTS_MAX {
            let quietest = self.clients.iter().min_by_key(|(_, c)| c.last_heard);
            forgotten = quietest
                .filter(|(_, c)| now.saturating_duration_since(c.last_heard) > CLIENT_SILENT_MAX)
                .map(|(address, _)| *address);
            let Some(silent) = forgotten else {
                self.refused += 1;
                return Admission::Refused;
            };
            self.forget(silent);
        }
        let newcomer = Client {
            up: self.open(Direction::Up),
            down: self.open(Direction::Down),
            last_heard: now,
        };
        self.admitted += 1;
        self.clients.insert(client, newcomer);
        Admission::New { forgotten }
    }

    /// A link for the next client.
    fn open(&mut self, direction: Direction) -> Link {
        // Any two links of one proxy have different seeds.
        let salt = match direction {
            Direction::Up => self.admitted * 2,
            Direction::Down => self.admitted * 2 + 1,
        };
        let seed = self.seed.wrapping_mul(31).wrapping_add(salt);
        let way = self.way(direction);
        let mut link = Link::checked(way.profile, seed);
        if way.is_cut {
            link.cut();
        }
        link
    }

    /// Forgets a client; what is on its way for it is dropped, and what was counted stays.
    pub fn forget(&mut self, client: SocketAddr) {
        if let Some(mut client) = self.clients.remove(&client) {
            for direction in Direction::BOTH {
                let link = client.link(direction);
                link.cut();
                self.way(direction).past += link.counters();
            }
        }
    }

    /// Takes a datagram of a client or for it; one of somebody who was not admitted is dropped.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        client: SocketAddr,
        direction: Direction,
        bytes: Vec<u8>,
    ) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.link(direction).handle_datagram(now, bytes);
        }
    }

    /// The next datagram that is through by `now`: whose, which way, and its bytes.
    pub fn poll(&mut self, now: Instant) -> Option<(SocketAddr, Direction, Vec<u8>)> {
        self.clients.iter_mut().find_map(|(address, client)| {
            Direction::BOTH.into_iter().find_map(|direction| {
                let bytes = client.link(direction).poll(now)?;
                Some((*address, direction, bytes))
            })
        })
    }

    /// When [`Clients::poll`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let links = self.clients.values().flat_map(|c| [&c.up, &c.down]);
        links.filter_map(Link::poll_timeout).min()
    }

    /// From now on one way is like this, for those who are here and for those who come.
    ///
    /// # Errors
    /// When a value of `profile` is out of its range; nothing is changed then.
    pub fn set_profile(
        &mut self,
        now: Instant,
        direction: Direction,
        profile: Profile,
    ) -> Result<(), ProfileError> {
        profile.validate()?;
        self.way(direction).profile = profile;
        for client in self.clients.values_mut() {
            client.link(direction).set_profile(now, profile)?;
        }
        Ok(())
    }

    /// Begins or ends an outage of one way, for those who are here and for those who come.
    pub fn set_cut(&mut self, direction: Direction, is_cut: bool) {
        self.way(direction).is_cut = is_cut;
        for client in self.clients.values_mut() {
            let link = client.link(direction);
            if is_cut {
                link.cut();
            } else {
                link.restore();
            }
        }
    }

    /// What happened one way so far, to all clients together.
    #[must_use]
    pub fn total(&self, direction: Direction) -> Counters {
        let (mut total, which): (Counters, fn(&Client) -> &Link) = match direction {
            Direction::Up => (self.up.past, |client| &client.up),
            Direction::Down => (self.down.past, |client| &client.down),
        };
        for client in self.clients.values() {
            total += which(client).counters();
        }
        total
    }

    /// Each client that is here, and what happened to it, up and down.
    pub fn counters(&self) -> impl Iterator<Item = (SocketAddr, Counters, Counters)> {
        let clients = self.clients.iter();
        clients.map(|(address, client)| (*address, client.up.counters(), client.down.counters()))
    }

    /// Datagrams of clients that were not admitted.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 10_000 + u16::try_from(number).unwrap()))
    }

    fn clients(up: &str, down: &str) -> Clients {
        Clients::new(up.parse().unwrap(), down.parse().unwrap(), 7).unwrap()
    }

    /// Everything that is through.
    fn drain(clients: &mut Clients, now: Instant) -> Vec<(SocketAddr, Direction, Vec<u8>)> {
        std::iter::from_fn(|| clients.poll(now)).collect()
    }

    #[test]
    fn each_way_of_each_client_is_a_link_of_its_own() {
        let now = Instant::now();
        let mut clients = clients("clear", "delay=30");
        for number in [1, 2] {
            let new = Admission::New { forgotten: None };
            assert_eq!(clients.admit(now, address(number)), new);
            assert_eq!(clients.admit(now, address(number)), Admission::Known);
            clients.handle_datagram(now, address(number), Direction::Up, vec![1]);
            clients.handle_datagram(now, address(number), Direction::Down, vec![2]);
        }
        clients.handle_datagram(now, address(3), Direction::Up, vec![9]);
        assert_eq!(
            drain(&mut clients, now),
            [1, 2].map(|number| (address(number), Direction::Up, vec![1]))
        );
        let later = now + Duration::from_millis(30);
        assert_eq!(clients.poll_timeout(), Some(later));
        assert_eq!(
            drain(&mut clients, later),
            [1, 2].map(|number| (address(number), Direction::Down, vec![2]))
        );
        assert_eq!(clients.total(Direction::Up).taken, 2);
    }

    #[test]
    fn what_others_send_does_not_change_who_is_lost() {
        let lost = |others: u8| {
            let now = Instant::now();
            let mut clients = clients("loss=30", "clear");
            let mut fates = Vec::new();
            for number in 0..=usize::from(others) {
                clients.admit(now, address(number));
            }
            for _ in 0..200 {
                for other in 1..=usize::from(others) {
                    clients.handle_datagram(now, address(other), Direction::Up, vec![0]);
                }
                clients.handle_datagram(now, address(0), Direction::Up, vec![1]);
                let arrived = drain(&mut clients, now);
                fates.push(arrived.iter().any(|(client, ..)| *client == address(0)));
            }
            fates
        };
        assert_eq!(lost(0), lost(3));
    }

    #[test]
    fn each_client_and_each_way_has_chances_of_its_own() {
        let now = Instant::now();
        let mut clients = clients("loss=50", "loss=50");
        let mut fates = [const { Vec::new() }; 4];
        for _ in 0..100 {
            for (number, fate) in fates.iter_mut().enumerate() {
                let client = address(number / 2);
                clients.admit(now, client);
                clients.handle_datagram(now, client, Direction::BOTH[number % 2], vec![1]);
                fate.push(drain(&mut clients, now).len());
            }
        }
        for (number, fate) in fates.iter().enumerate() {
            assert!(!fates[..number].contains(fate), "{number}");
        }
    }

    #[test]
    fn a_client_too_many_is_refused_until_another_has_long_been_silent() {
        let now = Instant::now();
        let mut clients = clients("clear", "clear");
        for number in 0..CLIENTS_MAX {
            clients.admit(now, address(number));
        }
        let newcomer = address(CLIENTS_MAX);
        let at_limit = now + CLIENT_SILENT_MAX;
        assert_eq!(clients.admit(at_limit, newcomer), Admission::Refused);
        assert_eq!(clients.refused(), 1);
        clients.handle_datagram(now, address(1), Direction::Up, vec![1]);
        for number in (0..CLIENTS_MAX).filter(|number| *number != 1) {
            clients.admit(at_limit, address(number));
        }
        let forgotten = Some(address(1));
        let after = at_limit + Duration::from_millis(1);
        assert_eq!(clients.admit(after, newcomer), Admission::New { forgotten });
        let total = clients.total(Direction::Up);
        assert_eq!((total.taken, total.dropped_outage), (1, 1), "still counted");
    }

    #[test]
    fn profiles_and_outages_hold_for_those_who_come_later_too() {
        let now = Instant::now();
        let mut clients = clients("clear", "clear");
        clients.admit(now, address(0));
        let lossy = "loss=100".parse().unwrap();
        clients.set_profile(now, Direction::Up, lossy).unwrap();
        clients.set_cut(Direction::Down, true);
        clients.admit(now, address(1));
        let send = |clients: &mut Clients| {
            for (number, direction) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let direction = Direction::BOTH[direction];
                clients.handle_datagram(now, address(number), direction, vec![1]);
            }
        };
        send(&mut clients);
        assert_eq!(drain(&mut clients, now), []);
        assert_eq!(clients.total(Direction::Up).dropped_loss, 2);
        assert_eq!(clients.total(Direction::Down).dropped_outage, 2);
        clients.set_cut(Direction::Down, false);
        clients
            .set_profile(now, Direction::Up, Profile::default())
            .unwrap();
        send(&mut clients);
        assert_eq!(drain(&mut clients, now).len(), 4);
        let wrong = Profile {
            delay_ms: 10_001,
            ..Profile::default()
        };
        assert!(clients.set_profile(now, Direction::Up, wrong).is_err());
        assert!(Clients::new(Profile::default(), wrong, 1).is_err());
    }
}
