//! A browser behind the strictest firewall: both ends of its WebRTC have nothing but our TURN.

use std::path::Path;
use std::process::Command;

use vrs_e2e::{ServiceBuilder, binary};
use vrs_peers::{Browser, free_port};

#[test]
fn a44_chromium_reaches_itself_through_two_relays_of_ours_over_udp_tcp_and_tls() {
    let (plain, tls) = (free_port(), free_port());
    let listen = format!(
        "turn_udp = \"127.0.0.1:{plain}\"\nturn_tcp = \"127.0.0.1:{plain}\"\n\
         turn_tls = \"127.0.0.1:{tls}\""
    );
    // No loopback peers: what they reach are relays, and nothing else of this machine.
    let mut service = ServiceBuilder::default()
        .configure("turn_udp = \"127.0.0.1:3478\"", &listen)
        .start();
    for (url, over) in [
        (format!("turn:127.0.0.1:{plain}?transport=udp"), "udp"),
        (format!("turn:127.0.0.1:{plain}?transport=tcp"), "tcp"),
        (format!("turns:localhost:{tls}?transport=tcp"), "tls"),
    ] {
        // An account of its own for each: a browser that is ended leaves its relays behind.
        let output = Command::new(binary("relay-server"))
            .args(["turn", "credential"])
            .args([service.config(), Path::new(over)])
            .output()
            .expect("the server's command line");
        let credential = serde_json::from_slice(&output.stdout).expect("a credential");
        let browser = Browser::relayed(&url, &credential);
        let heard = browser.event("heard");
        assert_eq!(heard["local"], "relay");
        assert_eq!(heard["remote"], "relay");
        assert_eq!(heard["over"], over);
    }
    service.stop_and_verify();
}
