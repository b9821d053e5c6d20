//! Our peer with str0m, an independent implementation of ICE, DTLS, SRTP, RTP and SDP.

use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, KeyframeRequestKind, MediaTime, Mid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive as Datagram};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::*;
use crate::t140::Writer;
use crate::testing::picture;

/// str0m on the one side (0), our peer on the other (1).
struct Foreign {
    net: Network,
    rtc: Rtc,
    ours: Peer,
    connected: bool,
    received: Vec<(Codec, Vec<u8>)>,
    keyframe_requests: usize,
    mids: Vec<Mid>,
    channels: Vec<ChannelId>,
    read: String,
    heard: Heard,
}

fn str0m(now: Instant) -> Rtc {
    str0m::crypto::from_feature_flags().install_process_default();
    let mut rtc = RtcConfig::new()
        .clear_codecs()
        .enable_opus(true, false)
        .enable_h264(true)
        .enable_vp8(true)
        .build(now);
    rtc.add_local_candidate(Candidate::host(address(ALICE), "udp").unwrap())
        .unwrap();
    rtc
}

impl Foreign {
    /// str0m offers sound and picture; ours answers.
    fn offers(seed: u64) -> Self {
        Self::offers_with(seed, None, |offer| offer)
    }

    /// The same, and a channel for text.
    fn offers_with(
        seed: u64,
        channel: Option<ChannelConfig>,
        change: impl Fn(String) -> String,
    ) -> Self {
        let net = Network::new(seed);
        let mut rtc = str0m(net.now);
        let mut api = rtc.sdp_api();
        let audio = api.add_media(
            str0m::media::MediaKind::Audio,
            Direction::SendRecv,
            None,
            None,
            None,
        );
        let video = api.add_media(
            str0m::media::MediaKind::Video,
            Direction::SendRecv,
            None,
            None,
            None,
        );
        if let Some(channel) = channel {
            api.add_channel_with_config(channel);
        }
        let (offer, pending) = api.apply().unwrap();
        let offer = change(offer.to_sdp_string());
        let (ours, answer) = Peer::answerer(config(BOB, 3), net.now, &offer).unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        rtc.sdp_api().accept_answer(pending, answer).unwrap();
        Self::new(net, rtc, ours, vec![audio, video])
    }

    /// str0m offers a picture in two sizes to a relay, the smaller one first.
    fn offers_layers(seed: u64) -> Self {
        let net = Network::new(seed);
        let mut rtc = str0m(net.now);
        let mut simulcast = Simulcast::new();
        for name in ["small", "large"] {
            simulcast.add_send_layer(SimulcastLayer::new(name));
        }
        let mut api = rtc.sdp_api();
        let (kind, way) = (str0m::media::MediaKind::Video, Direction::SendRecv);
        let video = api.add_media(kind, way, None, None, Some(simulcast));
        let (offer, pending) = api.apply().unwrap();
        let mut relay = config(BOB, 3);
        relay.receive = Receive::Packets;
        let (ours, answer) = Peer::answerer(relay, net.now, &offer.to_sdp_string()).unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        rtc.sdp_api().accept_answer(pending, answer).unwrap();
        Self::new(net, rtc, ours, vec![video])
    }

    /// Ours offers sound, picture and text; str0m answers.
    fn answers(seed: u64) -> Self {
        let net = Network::new(seed);
        let mut rtc = str0m(net.now);
        let (mut ours, offer) = Peer::offerer(config(BOB, 4), net.now).unwrap();
        // Where one side may send several sizes, str0m does not send the one of the other.
        let offer = offer.replace("a=simulcast:", "a=x-simulcast:");
        let offer = SdpOffer::from_sdp_string(&offer).unwrap();
        let answer = rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        ours.accept_answer(net.now, &answer).unwrap();
        Self::new(net, rtc, ours, Vec::new())
    }

    fn new(net: Network, rtc: Rtc, ours: Peer, mids: Vec<Mid>) -> Self {
        Self {
            net,
            rtc,
            ours,
            mids,
            channels: Vec::new(),
            read: String::new(),
            connected: false,
            received: Vec::new(),
            keyframe_requests: 0,
            heard: Heard::default(),
        }
    }

    fn drain(&mut self) -> Instant {
        while let Some(output) = self.ours.poll_output() {
            match output {
                PeerOutput::Transmit {
                    source,
                    destination,
                    bytes,
                } => {
                    self.net.send(0, source, destination, &bytes);
                }
                PeerOutput::Event(PeerEvent::Connected) => self.heard.connected += 1,
                PeerOutput::Event(PeerEvent::Frame {
                    kind,
                    timestamp,
                    sequence,
                    data,
                    ..
                }) => {
                    self.heard.frames.push((kind, timestamp, sequence, data));
                }
                PeerOutput::Event(PeerEvent::KeyframeRequested { .. }) => {
                    self.heard.keyframe_requests += 1;
                }
                PeerOutput::Event(PeerEvent::Rtp { packet, .. }) => self.heard.packets.push(packet),
                PeerOutput::Event(PeerEvent::LayerRates(rates)) => self.heard.layer_rates = rates,
                PeerOutput::Event(PeerEvent::Text(text)) => self.heard.text.push_str(&text.text),
                PeerOutput::Event(PeerEvent::Failed(reason)) => panic!("failed: {reason}"),
                PeerOutput::Event(_) => {}
            }
        }
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                Output::Transmit(transmit) => {
                    let contents: &[u8] = &transmit.contents;
                    self.net
                        .send(1, transmit.source, transmit.destination, contents);
                }
                Output::Event(event) => match event {
                    Event::Connected => self.connected = true,
                    Event::MediaAdded(added) => self.mids.push(added.mid),
                    Event::MediaData(data) => {
                        self.received
                            .push((data.params.spec().codec, data.data.to_vec()));
                    }
                    Event::KeyframeRequest(_) => self.keyframe_requests += 1,
                    Event::ChannelOpen(id, _) => self.channels.push(id),
                    Event::ChannelData(data) => {
                        self.read.push_str(std::str::from_utf8(&data.data).unwrap());
                    }
                    _ => {}
                },
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.net.now + time;
        while self.net.now < end {
            let due = self.drain();
            self.net.now += Duration::from_millis(1);
            let now = self.net.now;
            for (to, source, destination, bytes) in self.net.arrivals() {
                if to == 1 {
                    self.ours.handle_datagram(now, source, destination, &bytes);
                } else {
                    let contents = bytes.as_slice().try_into().unwrap();
                    let proto = Protocol::Udp;
                    let datagram = Datagram {
                        proto,
                        source,
                        destination,
                        contents,
                    };
                    self.rtc
                        .handle_input(Input::Receive(now, datagram))
                        .unwrap();
                }
                self.drain();
            }
            if due <= now {
                self.rtc.handle_input(Input::Timeout(now)).unwrap();
            }
            if self.ours.poll_timeout().is_some_and(|due| due <= now) {
                self.ours.handle_timeout(now);
            }
        }
        self.drain();
    }

    fn connect(&mut self) {
        for _ in 0..100 {
            if self.connected && self.heard.connected > 0 {
                return;
            }
            self.run(Duration::from_millis(50));
        }
        panic!("no connection");
    }

    fn write(&mut self, codec: Codec, ticks: u32, data: Vec<u8>) {
        let now = self.net.now;
        for mid in self.mids.clone() {
            let Some(writer) = self.rtc.writer(mid) else {
                continue;
            };
            // The packetization mode must be the agreed one; str0m lists several H.264 formats.
            let params = writer
                .payload_params()
                .find(|params| params.spec().codec == codec);
            let Some(pt) = params.map(|params| params.pt()) else {
                continue;
            };
            let time = match codec {
                Codec::Opus => {
                    MediaTime::new(u64::from(ticks), str0m::media::Frequency::FORTY_EIGHT_KHZ)
                }
                _ => MediaTime::from_90khz(u64::from(ticks)),
            };
            writer.write(pt, now, time, data.clone()).unwrap();
        }
        self.drain();
    }

    /// A second and a half of sound and picture both ways.
    fn talk(&mut self) {
        for n in 0..45u32 {
            let now = self.net.now;
            self.ours
                .send_frame(now, MediaKind::Video, n * 3_000, &picture(n, n == 0, 3_000));
            self.ours
                .send_frame(now, MediaKind::Audio, n * 960, &[0xfc, 1, n as u8]);
            self.drain();
            self.write(Codec::H264, n * 3_000, picture(n, n == 0, 3_000));
            self.write(Codec::Opus, n * 960, vec![0xfc, 2, n as u8]);
            self.run(Duration::from_millis(33));
        }
        self.run(Duration::from_millis(500));
    }

    fn assert_heard(&self) {
        let ours = |kind| self.heard.frames.iter().filter(move |f| f.0 == kind);
        assert_eq!(
            ours(MediaKind::Video).count(),
            45,
            "{:?}",
            self.ours.stats()
        );
        assert_eq!(ours(MediaKind::Audio).count(), 45);
        assert!(ours(MediaKind::Audio).all(|frame| frame.3[1] == 2));
        assert_eq!(
            ours(MediaKind::Video).nth(9).unwrap().3,
            picture(9, false, 3_000)
        );
        let theirs = |codec| self.received.iter().filter(move |(c, _)| *c == codec);
        assert!(
            theirs(Codec::H264).count() >= 44,
            "{}",
            theirs(Codec::H264).count()
        );
        assert!(theirs(Codec::Opus).count() >= 44);
        assert_eq!(
            theirs(Codec::H264).nth(9).unwrap().1,
            picture(9, false, 3_000)
        );
        let stats = self.ours.stats();
        assert_eq!((stats.undecryptable, stats.lost()), (0, 0), "{stats:?}");
        assert!(
            stats.rtt_ms.is_some_and(|rtt| (38.0..60.0).contains(&rtt)),
            "{stats:?}"
        );
    }
}

#[test]
fn r36_a_foreign_offerer_connects_and_media_flows_both_ways() {
    let mut call = Foreign::offers(1);
    call.connect();
    call.talk();
    call.assert_heard();
}

#[test]
fn r36_a_foreign_answerer_rejects_text_and_media_flows_both_ways() {
    let mut call = Foreign::answers(2);
    let kinds: Vec<MediaKind> = call
        .ours
        .negotiated()
        .media
        .iter()
        .map(|m| m.kind)
        .collect();
    assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video]);
    call.connect();
    call.talk();
    call.assert_heard();
}

/// Five times a second of losses of 40 % in both directions.
fn lossy(mut call: Foreign) -> Foreign {
    call.connect();
    for n in 0..150u32 {
        (call.net.loss, call.net.reorder) = (if n % 30 == 10 { 40 } else { 0 }, 5);
        let now = call.net.now;
        let key = n == 0 || std::mem::take(&mut call.heard.keyframe_requests) > 0;
        call.ours
            .send_frame(now, MediaKind::Video, n * 3_000, &picture(n, key, 4_000));
        let key = n == 0 || std::mem::take(&mut call.keyframe_requests) > 0;
        call.write(Codec::H264, n * 3_000, picture(n, key, 4_000));
        call.run(Duration::from_millis(33));
    }
    call.net.loss = 0;
    call.run(Duration::from_secs(1));
    call
}

/// str0m resends in a stream of its own only: where there is none, losses cost pictures, but key
/// frames bring the picture back in both directions.
#[test]
fn losses_with_a_peer_that_cannot_resend_are_repaired_by_key_frames() {
    let call = Foreign::offers_with(3, None, |offer| offer.replace(" rtx/", " other/"));
    let call = lossy(call);
    let stats = call.ours.stats();
    let shown = (call.heard.frames.len(), call.received.len());
    assert!(shown.0 >= 70 && shown.1 >= 70, "{shown:?}: {stats:?}");
    assert!(
        stats.video.plis_sent >= 2 && stats.video.frames_dropped >= 2,
        "{stats:?}"
    );
}

#[test]
fn r45_lost_packets_come_again_in_a_stream_of_their_own_across_implementations() {
    let call = lossy(Foreign::offers(3));
    let stats = call.ours.stats();
    assert!(
        call.heard.frames.len() >= 145,
        "{}: {stats:?}",
        call.heard.frames.len()
    );
    assert!(
        call.received.len() >= 145,
        "{}: {stats:?}",
        call.received.len()
    );
    assert!(
        stats.video.repaired >= 5 && stats.video.resent >= 5,
        "{stats:?}"
    );
}

#[test]
fn v3_two_sizes_of_a_picture_are_told_apart_across_implementations() {
    let mut call = Foreign::offers_layers(5);
    call.connect();
    let mid = call.mids[0];
    for n in 0..90u32 {
        (call.net.loss, call.net.reorder) = (if n % 30 == 10 { 20 } else { 0 }, 5);
        for (name, bytes) in [("small", 500), ("large", 4_000)] {
            let writer = call.rtc.writer(mid).unwrap().rid(name.into());
            let is_ours = |one: &&PayloadParams| one.spec().codec == Codec::H264;
            let pt = writer.payload_params().find(is_ours).unwrap().pt();
            let time = MediaTime::from_90khz(u64::from(n) * 3_000);
            let now = call.net.now;
            let writer = call.rtc.writer(mid).unwrap().rid(name.into());
            writer
                .write(pt, now, time, picture(n, n == 0, bytes))
                .unwrap();
            call.drain();
        }
        call.run(Duration::from_millis(33));
    }
    call.net.loss = 0;
    call.run(Duration::from_millis(600));
    let rates = &call.heard.layer_rates;
    assert!(rates.len() == 2 && rates[1] > 5 * rates[0], "{rates:?}");
    let packets = &call.heard.packets;
    let mut sizes: Vec<(u32, usize)> = Vec::new();
    for packet in packets {
        match sizes.iter_mut().find(|(ssrc, _)| *ssrc == packet.ssrc) {
            Some((_, count)) => *count += usize::from(packet.marker),
            None => sizes.push((packet.ssrc, usize::from(packet.marker))),
        }
    }
    assert_eq!(
        sizes.len(),
        2,
        "what came again counts as what it was: {sizes:?}"
    );
    assert!(sizes.iter().all(|(_, whole)| *whole >= 88), "{sizes:?}");
    let stats = call.ours.stats();
    assert!(stats.video.repaired > 0, "{stats:?}");
    assert_eq!(stats.unknown, 0);
}

#[test]
fn r45_key_frames_are_asked_for_across_implementations() {
    let mut call = Foreign::offers(4);
    call.connect();
    call.talk();
    let now = call.net.now;
    call.ours.request_keyframe(now);
    let before = call.heard.keyframe_requests;
    for mid in call.mids.clone() {
        let Some(mut writer) = call.rtc.writer(mid) else {
            continue;
        };
        if writer.is_request_keyframe_possible(KeyframeRequestKind::Pli) {
            writer
                .request_keyframe(None, KeyframeRequestKind::Pli)
                .unwrap();
        }
    }
    call.run(Duration::from_millis(300));
    assert!(call.keyframe_requests >= 1);
    assert!(call.heard.keyframe_requests > before);
}

#[test]
fn the_handshake_with_a_foreign_peer_survives_loss() {
    for seed in 10..16 {
        let mut call = Foreign::offers(seed);
        (call.net.loss, call.net.reorder, call.net.repeat) = (10, 10, 5);
        call.connect();
    }
}

/// Both write, and both read it all, whatever the network loses.
fn assert_text_flows(call: &mut Foreign) {
    call.connect();
    for _ in 0..100 {
        if !call.channels.is_empty() {
            break;
        }
        call.run(Duration::from_millis(100));
    }
    let [channel] = *call.channels else {
        panic!("one channel: {:?}", call.channels)
    };
    (call.net.loss, call.net.reorder) = (10, 10);
    for n in 0..20 {
        let now = call.net.now;
        assert!(call.ours.send_text(now, &format!("{n}\u{1f44b} ")));
        let theirs = format!("{n}\u{8}\u{2028}");
        let mut channel = call.rtc.channel(channel).unwrap();
        assert!(channel.write(false, theirs.as_bytes()).unwrap());
        call.drain();
        call.run(Duration::from_millis(400));
    }
    call.net.loss = 0;
    call.run(Duration::from_secs(10));
    let all = |of: fn(u32) -> String| (0..20).map(of).collect::<String>();
    assert_eq!(call.read, all(|n| format!("{n}\u{1f44b} ")));
    assert_eq!(call.heard.text, all(|n| format!("{n}\u{8}\u{2028}")));
}

#[test]
fn r40_a_foreign_peer_writes_text_on_a_channel_that_it_opens() {
    let channel = |protocol: &str| ChannelConfig {
        label: "any name".into(),
        protocol: protocol.into(),
        ..ChannelConfig::default()
    };
    assert_text_flows(&mut Foreign::offers_with(
        20,
        Some(channel("t140")),
        |offer| offer,
    ));
    let mut call = Foreign::offers_with(21, Some(channel("chat")), |offer| offer);
    call.connect();
    call.run(Duration::from_secs(3));
    let now = call.net.now;
    call.ours.send_text(now, "for nobody");
    if let [chat] = *call.channels
        && let Some(mut channel) = call.rtc.channel(chat)
    {
        // Closed already, or about to be.
        let _taken = channel.write(false, b"no text");
    }
    call.run(Duration::from_secs(3));
    assert_eq!((call.read.as_str(), call.heard.text.as_str()), ("", ""));
}

#[test]
fn r40_a_foreign_peer_that_takes_our_line_gets_a_channel_from_us() {
    let mut call = Foreign::answers(22);
    let agreed = call.ours.negotiated().channel.as_ref().unwrap();
    assert_eq!(agreed.agreed, None, "it names no channel");
    assert_text_flows(&mut call);
}

#[test]
fn r39_a_foreign_peer_that_knows_one_writer_reads_several_with_labels() {
    let mut call = Foreign::answers(23);
    call.connect();
    call.run(Duration::from_secs(3));
    let writers = [(1, "Interpreter"), (2, "Interpreter 2")].map(|(n, name)| Writer::new(n, name));
    let typed = [
        (0, "One moment,"),
        (1, "I take over."),
        (0, " goodbye"),
        (1, "Go on!\u{2028}"),
    ];
    for (who, text) in typed {
        assert!(call.ours.send_text_of(call.net.now, &writers[who], text));
        call.drain();
        call.run(Duration::from_secs(1));
    }
    call.ours.text_ended(call.net.now, writers[0].source);
    call.run(Duration::from_secs(2));
    assert_eq!(
        call.read,
        "One moment,\u{2028}[Interpreter 2] I take over.\u{2028}[Interpreter]  goodbye\u{2028}\
         [Interpreter 2] Go on!\u{2028}"
    );
}
