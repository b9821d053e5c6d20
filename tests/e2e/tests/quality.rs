//! What an operator can know of the pictures and the sound of a call.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use vrs_client::Command;
use vrs_e2e::ServiceBuilder;

/// The metrics as the admin port gives them.
fn metrics(admin: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The value of the first series whose name and labels contain all of this.
fn value(metrics: &str, parts: &[&str]) -> Option<f64> {
    let line = metrics
        .lines()
        .find(|line| parts.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_call_leaves_lines_about_its_quality_and_metrics_say_what_flowed() {
    let admin = "admin = \"127.0.0.1:9090\"";
    let mut service = ServiceBuilder::default()
        .configure(admin, "admin = \"127.0.0.1:0\"")
        .start();
    let ready = service.server().line("health and metrics");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let address = ready["fields"]["admin"]
        .as_str()
        .or_else(|| ready["admin"].as_str());
    let address = address.expect("the admin port is told").to_owned();

    let (mut caller, mut interpreter) = service.conversation();
    caller.stats_where("pictures", |stats| stats.frames_decoded > 10);
    interpreter.stats_where("pictures", |stats| stats.frames_decoded > 10);
    caller.send(Command::HangUp);
    caller.ended();
    interpreter.ended();

    for leg in ["caller", "interpreter"] {
        let wanted = format!("\"leg\":\"{leg}\"");
        let line = service.server().find("a line about quality", |line| {
            let ours = line.contains("\"quality\"") && line.contains(&wanted);
            ours.then(|| line.to_owned())
        });
        let line: Value = serde_json::from_str(&line).unwrap();
        let figure = |name: &str| {
            let at = line.get(name).or_else(|| line["fields"].get(name));
            at.and_then(Value::as_f64)
                .unwrap_or_else(|| panic!("{name} in {line}"))
        };
        assert!(figure("pictures") > 10.0, "{line}");
        assert!(figure("video_in_kbps") > 0.0, "{line}");
        assert!(figure("video_out_kbps") > 0.0, "{line}");
        assert!(figure("video_loss_in_percent") < 50.0, "{line}");
        assert!(figure("path_kbps") > 0.0, "{line}");
        let others = [
            "round_trip_ms",
            "video_jitter_ms",
            "freezes",
            "frozen_ms",
            "layer",
            "left_out",
            "audio_in_kbps",
            "refused",
        ];
        for name in others {
            assert!(figure(name) >= 0.0, "{line}");
        }
        assert!(line.to_string().contains("SRTP_AEAD_AES_128_GCM"), "{line}");
    }

    let telephone = service.server().find("a line about the telephone", |line| {
        let ours = line.contains("\"quality\"") && line.contains("\"leg\":\"hearing\"");
        ours.then(|| line.to_owned())
    });
    assert!(telephone.contains("\"codec\":\"PCM"), "{telephone}");
    assert!(!telephone.contains("\"packets_in\":0,"), "{telephone}");

    let text = metrics(&address).unwrap();
    for leg in ["leg=\"caller\"", "leg=\"interpreter\""] {
        for direction in ["direction=\"in\"", "direction=\"out\""] {
            let name = "visavis_media_packets_total{";
            let packets = value(&text, &[name, leg, "kind=\"video\"", direction]);
            assert!(packets.is_some_and(|packets| packets > 10.0), "{text}");
        }
        assert_eq!(
            value(&text, &["visavis_media_legs{", leg]),
            Some(0.0),
            "{text}"
        );
        let jitter = ["visavis_media_jitter_ms_count{", leg, "kind=\"video\""];
        assert_eq!(value(&text, &jitter), Some(1.0), "{text}");
    }
}
