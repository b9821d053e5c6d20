//! Two endpoints, a virtual clock, and a network with a seed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use vrs_sip::{
    Body, CallHandle, Credentials, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind,
    InviteParams, Message, NameAddr, Output, Role, Uri, parse,
};

/// The one flow between the two.
pub(crate) const FLOW: FlowId = FlowId(1);
/// Longest virtual time any test waits for anything.
const PATIENCE: Duration = Duration::from_secs(200);
pub(crate) const WSS: FlowKind = FlowKind::Reliable {
    websocket: true,
    tls: true,
};

/// How bad the network is, in parts of a thousand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) twice: u64,
    pub(crate) late: u64,
}

/// One endpoint with what it said so far.
pub(crate) struct Side {
    pub(crate) endpoint: Endpoint,
    pub(crate) events: VecDeque<Event>,
    /// Every message sent, as text, with its time.
    pub(crate) sent: Vec<(Duration, String)>,
}

/// Two endpoints joined by one flow.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    start: Instant,
    /// The client, first; the server, second.
    pub(crate) sides: [Side; 2],
    network: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    pub(crate) weather: Weather,
    random: u64,
    serial: u64,
}

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

pub(crate) fn config(seed: u8, role: Role) -> EndpointConfig {
    EndpointConfig {
        user_agent: "Visavis/test".to_owned(),
        seed: [seed; 32],
        role,
        info_packages: vec!["vrs-status".to_owned()],
    }
}

pub(crate) fn address(host: &str) -> FlowAddress {
    FlowAddress {
        via_sent_by: host.to_owned(),
        contact_host_port: host.to_owned(),
    }
}

pub(crate) fn sdp(text: &str) -> Body {
    Body::sdp(text)
}

pub(crate) fn uri(text: &str) -> Uri {
    Uri::parse(text).expect("a URI")
}

pub(crate) fn credentials() -> Credentials {
    Credentials {
        username: "alice".to_owned(),
        password: "secret".into(),
    }
}

pub(crate) fn invite_params() -> InviteParams {
    InviteParams {
        target: uri("sip:bob@vrs.test"),
        from: NameAddr::new(uri("sip:alice@vrs.test")),
        to: NameAddr::new(uri("sip:bob@vrs.test")),
        contact_user: "alice".to_owned(),
        headers: vec![("VRS-Languages".to_owned(), "ase/en".to_owned())],
        body: sdp("v=0 offer"),
        credentials: None,
    }
}

impl Pair {
    pub(crate) fn new(kind: FlowKind, weather: Weather, seed: u64) -> Self {
        let start = Instant::now();
        let side = |seed, role, host| {
            let mut endpoint = Endpoint::new(config(seed, role), start);
            endpoint.open_flow(FLOW, kind, address(host));
            Side {
                endpoint,
                events: VecDeque::new(),
                sent: Vec::new(),
            }
        };
        Self {
            now: start,
            start,
            sides: [
                side(1, Role::Client, "client.invalid"),
                side(2, Role::Server, "vrs.test"),
            ],
            network: BTreeMap::new(),
            weather,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            serial: 0,
        }
    }

    pub(crate) fn datagram() -> Self {
        Self::new(FlowKind::Datagram, Weather::default(), 1)
    }

    pub(crate) fn wss() -> Self {
        Self::new(WSS, Weather::default(), 1)
    }

    fn dice(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 1000
    }

    pub(crate) fn at(&self) -> Duration {
        self.now - self.start
    }

    /// Empties both endpoints into the network and the event queues.
    pub(crate) fn drain(&mut self) {
        for from in [CLIENT, SERVER] {
            while let Some(output) = self.sides[from].endpoint.poll_output() {
                match output {
                    Output::Event(event) => self.sides[from].events.push_back(event),
                    Output::Transmit { bytes, .. } => {
                        let at = self.at();
                        self.sides[from]
                            .sent
                            .push((at, String::from_utf8_lossy(&bytes).into_owned()));
                        self.put(1 - from, bytes);
                    }
                }
            }
        }
    }

    fn put(&mut self, to: usize, bytes: Vec<u8>) {
        if self.dice() < self.weather.loss {
            return;
        }
        let copies = if self.dice() < self.weather.twice {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let late = if self.dice() < self.weather.late {
                self.dice()
            } else {
                0
            };
            self.serial += 1;
            let at = self.now + Duration::from_millis(10 + late);
            self.network.insert((at, self.serial), (to, bytes.clone()));
        }
    }

    /// Goes on to the next thing that happens; `false` when nothing is due any more.
    pub(crate) fn step(&mut self) -> bool {
        self.drain();
        let arrival = self.network.keys().next().map(|(at, _)| *at);
        let timers = self
            .sides
            .iter()
            .filter_map(|side| side.endpoint.poll_timeout())
            .min();
        let Some(next) = [arrival, timers].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        let due: Vec<_> = self
            .network
            .range(..=(self.now, u64::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            if let Some((to, bytes)) = self.network.remove(&key) {
                self.sides[to].endpoint.receive(self.now, FLOW, &bytes);
            }
        }
        for side in &mut self.sides {
            side.endpoint.handle_timeout(self.now);
        }
        self.drain();
        true
    }

    /// Runs until a side has an event that `wanted` turns into something, and takes it; other
    /// events before it stay.
    pub(crate) fn until<T>(&mut self, side: usize, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let limit = self.now + PATIENCE;
        loop {
            self.drain();
            let events = &mut self.sides[side].events;
            let found = events
                .iter()
                .enumerate()
                .find_map(|(index, event)| Some((index, wanted(event)?)));
            if let Some((index, value)) = found {
                events.remove(index);
                return value;
            }
            assert!(
                self.step() && self.now < limit,
                "nothing more will happen; side {side} has {events:?}",
                events = self.sides[side].events
            );
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let limit = self.now + duration;
        loop {
            self.drain();
            let arrival = self.network.keys().next().map(|(at, _)| *at);
            let timers = self
                .sides
                .iter()
                .filter_map(|side| side.endpoint.poll_timeout())
                .min();
            match [arrival, timers].into_iter().flatten().min() {
                Some(next) if next <= limit => {
                    self.step();
                }
                _ => break,
            }
        }
        self.now = limit;
    }

    /// Runs until nothing is due on either side.
    pub(crate) fn finish(&mut self) {
        let limit = self.now + PATIENCE;
        while self.step() {
            assert!(self.now < limit, "still busy");
        }
    }

    /// Client calls, server takes it, ACK arrives. Returns both handles.
    pub(crate) fn established(&mut self) -> (CallHandle, CallHandle) {
        let client = self.sides[CLIENT]
            .endpoint
            .invite(self.now, FLOW, invite_params());
        let server = self.incoming();
        self.sides[SERVER]
            .endpoint
            .progress(self.now, server, 180, Vec::new(), None);
        self.sides[SERVER]
            .endpoint
            .accept(self.now, server, Vec::new(), sdp("v=0 answer"));
        self.until(CLIENT, |event| {
            matches!(event, Event::Answered { .. }).then_some(())
        });
        self.until(SERVER, |event| {
            matches!(event, Event::Acked { .. }).then_some(())
        });
        (client, server)
    }

    pub(crate) fn incoming(&mut self) -> CallHandle {
        self.until(SERVER, |event| match event {
            Event::IncomingInvite { call, .. } => Some(*call),
            _ => None,
        })
    }

    /// How many messages with this start a side sent.
    pub(crate) fn count(&self, side: usize, start: &str) -> usize {
        self.sides[side]
            .sent
            .iter()
            .filter(|(_, text)| text.starts_with(start))
            .count()
    }

    /// Everything has ended: nothing is left in either table.
    pub(crate) fn assert_empty(&mut self) {
        self.finish();
        for side in &self.sides {
            assert_eq!(side.endpoint.counts(), (0, 0, 0));
        }
    }
}

/// Parses one message out of text.
pub(crate) fn message(text: &str) -> Message {
    parse(text.as_bytes()).expect("a message")
}

/// One endpoint whose peer is written by hand.
pub(crate) struct Alone {
    pub(crate) now: Instant,
    pub(crate) endpoint: Endpoint,
}

impl Alone {
    pub(crate) fn new(kind: FlowKind, role: Role) -> Self {
        let now = Instant::now();
        let mut endpoint = Endpoint::new(config(3, role), now);
        endpoint.open_flow(FLOW, kind, address("vrs.test"));
        Self { now, endpoint }
    }

    /// Feeds octets; returns what was sent and what happened.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> (Vec<String>, Vec<Event>) {
        self.endpoint.receive(self.now, FLOW, bytes);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> (Vec<String>, Vec<Event>) {
        let (mut sent, mut events) = (Vec::new(), Vec::new());
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    sent.push(String::from_utf8_lossy(&bytes).into_owned())
                }
                Output::Event(event) => events.push(event),
            }
        }
        (sent, events)
    }
}
