//! Promises of the peer, kept in virtual time over an in-memory network.

mod browser;
mod channel;
#[allow(clippy::too_many_lines, clippy::wildcard_enum_match_arm)] // foreign enums grow
mod foreign;
mod hostile;
mod keys;
mod layers;
mod ours;
mod rate;
mod relays;
mod reoffer;
mod restart;
mod tricks;
mod writers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::certificate::Certificate;
use crate::testing::Network;

pub(super) const ALICE: &str = "192.0.2.1:4000";
pub(super) const BOB: &str = "192.0.2.2:5000";

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn config(local: &str, seed: u8) -> PeerConfig {
    PeerConfig::new(
        vec![address(local)],
        Certificate::generate().unwrap(),
        [seed; 32],
    )
}

/// What one side was told.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) connected: usize,
    pub(super) disconnected: usize,
    pub(super) failed: Vec<String>,
    pub(super) text: String,
    pub(super) written: Vec<Written>,
    pub(super) frames: Vec<(MediaKind, u32, u64, Vec<u8>)>,
    pub(super) packets: Vec<RtpPacket>,
    pub(super) keys: String,
    pub(super) keyframe_requests: usize,
    pub(super) lower_keyframes: usize,
    pub(super) lower_wanted: bool,
    pub(super) layer_rates: Vec<u32>,
    pub(super) rates: Vec<u32>,
    pub(super) missed: Vec<Missed>,
}

/// Two peers and the network between them; 0 is Alice, 1 is Bob.
pub(super) struct World {
    pub(super) net: Network,
    pub(super) peers: [Peer; 2],
    pub(super) heard: [Heard; 2],
}

impl World {
    /// Alice offers, Bob answers.
    pub(super) fn new(net: Network, alice: PeerConfig, bob: PeerConfig) -> Self {
        Self::with(net, alice, bob, |offer| offer)
    }

    /// The same with an offer that is changed on its way.
    pub(super) fn with(
        net: Network,
        alice: PeerConfig,
        bob: PeerConfig,
        change: impl Fn(String) -> String,
    ) -> Self {
        let now = net.now;
        let (mut alice, offer) = Peer::offerer(alice, now).unwrap();
        let (bob, answer) = Peer::answerer(bob, now, &change(offer)).unwrap();
        alice.accept_answer(now, &answer).unwrap();
        Self {
            net,
            peers: [alice, bob],
            heard: [Heard::default(), Heard::default()],
        }
    }

    pub(super) fn usual(seed: u64) -> Self {
        Self::new(Network::new(seed), config(ALICE, 1), config(BOB, 2))
    }

    pub(super) fn now(&self) -> Instant {
        self.net.now
    }

    fn drain(&mut self, side: usize) {
        while let Some(output) = self.peers[side].poll_output() {
            let heard = &mut self.heard[side];
            match output {
                PeerOutput::Transmit {
                    source,
                    destination,
                    bytes,
                } => {
                    assert!(bytes.len() <= 1_200, "a datagram of {} bytes", bytes.len());
                    self.net.send(1 - side, source, destination, &bytes);
                }
                PeerOutput::Event(event) => match event {
                    PeerEvent::Connected => heard.connected += 1,
                    PeerEvent::Disconnected => heard.disconnected += 1,
                    PeerEvent::Failed(reason) => heard.failed.push(reason),
                    PeerEvent::Rtp { packet, .. } => heard.packets.push(packet),
                    PeerEvent::Frame {
                        kind,
                        timestamp,
                        sequence,
                        data,
                        ..
                    } => {
                        heard.frames.push((kind, timestamp, sequence, data));
                    }
                    PeerEvent::Text(written) => {
                        heard.text.push_str(&written.text);
                        heard.written.push(written);
                    }
                    PeerEvent::Dtmf(key) => heard.keys.push(key),
                    PeerEvent::KeyframeRequested { layer: 0 } => heard.keyframe_requests += 1,
                    PeerEvent::KeyframeRequested { .. } => heard.lower_keyframes += 1,
                    PeerEvent::LayerWanted { wanted, .. } => heard.lower_wanted = wanted,
                    PeerEvent::LayerRates(rates) => heard.layer_rates = rates,
                    PeerEvent::PathRate(bps) => heard.rates.push(bps),
                    PeerEvent::Missed(missed) => heard.missed.push(missed),
                },
            }
        }
    }

    /// One millisecond passes.
    pub(super) fn step(&mut self) {
        for side in [0, 1] {
            self.drain(side);
        }
        self.net.now += Duration::from_millis(1);
        for (to, source, destination, bytes) in self.net.arrivals() {
            self.peers[to].handle_datagram(self.net.now, source, destination, &bytes);
            self.drain(to);
        }
        for side in [0, 1] {
            let due = self.peers[side].poll_timeout();
            if due.is_some_and(|due| due <= self.net.now) {
                self.peers[side].handle_timeout(self.net.now);
                let next = self.peers[side].poll_timeout();
                assert!(
                    next.is_none_or(|next| next > self.net.now),
                    "a deadline stands still"
                );
            }
            self.drain(side);
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.net.now + time;
        while self.net.now < end {
            self.step();
        }
    }

    /// Runs until `done`, at most `limit` of virtual time.
    pub(super) fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.net.now + limit;
        while self.net.now < end {
            if done(self) {
                return true;
            }
            self.step();
        }
        done(self)
    }

    pub(super) fn connect(&mut self) {
        let both = |w: &Self| w.heard.iter().all(|heard| heard.connected > 0);
        assert!(self.until(Duration::from_secs(15), both), "no connection");
    }
}
