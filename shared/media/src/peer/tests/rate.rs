//! How fast the path is: pictures are sent as fast as it takes them, and no faster.

use super::*;
use crate::congestion::{RATE_MAX_BPS, RATE_MIN_BPS, RATE_START_BPS};
use crate::rtp::is_rtcp;
use crate::testing::picture;

const SECOND: u32 = 30;

/// Alice sends pictures at the rate she was told, and Bob takes them.
struct Stream {
    world: World,
    number: u32,
    slowest: Duration,
}

impl Stream {
    fn new(world: World) -> Self {
        let mut stream = Self {
            world,
            number: 0,
            slowest: Duration::ZERO,
        };
        stream.world.run(Duration::from_secs(2));
        stream
    }

    fn rate(&self) -> u32 {
        let rates = &self.world.heard[0].rates;
        rates.last().copied().unwrap_or(RATE_START_BPS)
    }

    fn send(&mut self, pictures: u32) {
        self.slowest = Duration::ZERO;
        for _ in 0..pictures {
            let bytes = self.rate() / 8 / SECOND;
            let unit = picture(self.number, self.number == 0, bytes as usize);
            let now = self.world.now();
            self.world.peers[0].send_frame(now, MediaKind::Video, self.number * 3_000, &unit);
            self.number += 1;
            self.world.run(Duration::from_millis(33));
            self.slowest = self.slowest.max(self.world.net.queue());
        }
    }
}

/// Both ends with what the offer says after `edit`.
fn world_of(seed: u64, edit: impl Fn(&str) -> String) -> World {
    let net = Network::new(seed);
    let now = net.now;
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let edited = edit(&offer);
    assert_ne!(edited, offer);
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &edited).unwrap();
    alice.accept_answer(now, &answer).unwrap();
    let heard = [Heard::default(), Heard::default()];
    let peers = [alice, bob];
    World { net, peers, heard }
}

fn without_ccfb(offer: &str) -> String {
    offer.replace("a=rtcp-fb:* ack ccfb\r\n", "")
}

#[test]
fn v2_a_path_that_narrows_is_noticed_and_what_waits_there_stays_short() {
    narrows(Stream::new(World::usual(1)));
}

#[test]
fn v2_the_same_where_a_browser_tells_by_numbers_of_the_transport() {
    let stream = Stream::new(world_of(1, without_ccfb));
    let agreed = stream.world.peers[0].negotiated();
    let video = agreed.get(MediaKind::Video).unwrap();
    assert!(video.feedback.transport && !video.feedback.arrivals);
    narrows(stream);
}

/// How often Bob told of arrivals within so many seconds of pictures.
fn told(stream: &mut Stream, seconds: u32) -> u64 {
    let count = |stream: &Stream| stream.world.peers[1].stats().video.arrivals_told;
    let before = count(stream);
    stream.send(seconds * SECOND);
    count(stream) - before
}

#[test]
fn arrivals_are_told_seldom_while_all_is_well_and_often_when_packets_wait_or_are_lost() {
    let mut stream = Stream::new(World::usual(4));
    stream.send(SECOND);
    let well = told(&mut stream, 10);
    assert!((40..=50).contains(&well), "{well}");
    stream.world.net.rate_bps = Some(300_000);
    stream.send(SECOND);
    let waiting = told(&mut stream, 2);
    assert!(waiting >= 16, "{waiting}");
    stream.world.net.rate_bps = None;
    stream.send(30 * SECOND);
    let well = told(&mut stream, 10);
    assert!((40..=50).contains(&well), "{well}");
    stream.world.net.loss = 10;
    let lossy = told(&mut stream, 10);
    assert!(lossy >= 70, "{lossy}");
}

#[test]
fn reports_of_all_streams_are_in_one_datagram() {
    let mut stream = Stream::new(World::usual(5));
    stream.send(SECOND);
    let before = stream.world.net.sent.len();
    stream.send(10 * SECOND);
    let sent = stream.world.net.sent[before..].iter();
    let reports = sent.filter(|(to, bytes)| *to == 1 && bytes[0] >= 128 && is_rtcp(bytes));
    // Of sound, of the picture and of text, each second; nothing comes that Alice could tell of.
    let reports = reports.count();
    assert!((9..=11).contains(&reports), "{reports}");
}

fn narrows(mut stream: Stream) {
    stream.send(3 * SECOND);
    assert!(stream.rate() >= RATE_START_BPS, "{}", stream.rate());
    stream.world.net.rate_bps = Some(400_000);
    stream.send(5 * SECOND);
    for _ in 0..20 {
        stream.send(SECOND);
        let (rate, slowest) = (stream.rate(), stream.slowest);
        assert!((200_000..450_000).contains(&rate), "{rate}");
        assert!(slowest < Duration::from_millis(150), "{slowest:?}");
    }
    stream.world.net.rate_bps = None;
    stream.send(60 * SECOND);
    assert!(stream.rate() > 600_000, "{}", stream.rate());
    assert!(stream.rate() <= RATE_MAX_BPS);
}

#[test]
fn without_reports_of_arrivals_loss_alone_makes_it_slower() {
    let older = |offer: &str| {
        let lines = without_ccfb(offer);
        let lines = lines.split_inclusive('\n');
        lines
            .filter(|line| !line.contains("transport-cc"))
            .collect()
    };
    let mut stream = Stream::new(world_of(2, older));
    stream.world.net.loss = 30;
    stream.send(20 * SECOND);
    let slow = stream.rate();
    assert!(slow < RATE_START_BPS / 2, "{slow}");
    assert!(slow >= RATE_MIN_BPS);
    stream.world.net.loss = 0;
    stream.send(40 * SECOND);
    assert!(stream.rate() > slow * 2, "{}", stream.rate());
}

#[test]
fn what_the_receiver_allows_is_kept_less_at_once_and_more_with_time() {
    let mut stream = Stream::new(World::usual(3));
    stream.send(SECOND);
    let now = stream.world.now();
    stream.world.peers[1].limit_source(now, 300_000);
    stream.send(SECOND / 3);
    assert!(stream.rate() <= 300_000, "{}", stream.rate());
    let now = stream.world.now();
    stream.world.peers[1].limit_source(now, 200_000);
    stream.send(SECOND / 3);
    assert!(stream.rate() <= 200_000, "{}", stream.rate());
    let now = stream.world.now();
    stream.world.peers[1].limit_source(now, 2_000_000);
    stream.send(2 * SECOND);
    assert!(stream.rate() > 500_000, "{}", stream.rate());
    // Nonsense does not stop the picture.
    let now = stream.world.now();
    stream.world.peers[1].limit_source(now, 1_000);
    stream.send(SECOND);
    assert_eq!(stream.rate(), RATE_MIN_BPS);
}
