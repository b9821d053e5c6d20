//! A service that serves TURN, and what it relayed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::service::{Service, ServiceBuilder};

/// Where the configuration names the listeners of TURN.
const TURN_UDP: &str = "turn_udp = \"127.0.0.1:3478\"";
/// Where it names the operator's port.
const ADMIN: &str = "admin = \"127.0.0.1:9090\"";
/// Longest wait for figures of the operator's port.
const PATIENCE: Duration = Duration::from_secs(20);

impl ServiceBuilder {
    /// STUN and TURN over these carriers (`turn_udp`, `turn_tcp`, `turn_tls`), and the operator's
    /// port; relays reach each other and loopback addresses.
    #[must_use]
    pub fn turn(self, carriers: &[&str]) -> Self {
        let listeners: Vec<String> = carriers
            .iter()
            .map(|carrier| format!("{carrier} = \"127.0.0.1:0\""))
            .collect();
        self.configure(TURN_UDP, &listeners.join("\n"))
            .configure(ADMIN, "admin = \"127.0.0.1:0\"")
            .configure("[turn]\n", "[turn]\nallow_loopback_peers = true\n")
    }
}

impl Service {
    /// The sum of a metric over all its labels, as the operator's port tells it.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn metric(&mut self, name: &str) -> f64 {
        self.metric_of(name, "")
    }

    /// The same over those labels that have this among them, such as `leg="caller"`.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn metric_of(&mut self, name: &str, label: &str) -> f64 {
        let address = self.server().find("the operator's port", |line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let admin = line.get("admin");
            let admin = admin.or_else(|| line.get("fields")?.get("admin"))?;
            admin.as_str().map(str::to_owned)
        });
        let mut stream = TcpStream::connect(address).expect("the operator's port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let values = answer
            .lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name))
            .filter(|line| line.contains(label));
        values
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Bytes that TURN has relayed.
    ///
    /// # Panics
    /// When there is no operator's port.
    pub fn relayed_bytes(&mut self) -> f64 {
        self.metric("visavis_turn_relayed_bytes_total")
    }
}
