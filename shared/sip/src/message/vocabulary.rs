//! The words taken from rsip: transport tokens with their ports, and status codes.
//!
//! This is the one place where rsip's types enter; everything else in this crate reads bytes with
//! our own tokenizer. The reason phrases are rsip's variant names put into words, with the handful
//! that RFC 3261 spells otherwise written out here.

use rsip::StatusCode;
pub use rsip::Transport;

/// The reason phrase RFC 3261 section 21 (or the RFC that registered the code) gives a status;
/// the class's name for a code nobody registered.
pub fn reason_phrase(status: u16) -> String {
    match status {
        414 => return "Request-URI Too Long".to_owned(),
        416 => return "Unsupported URI Scheme".to_owned(),
        480 => return "Temporarily Unavailable".to_owned(),
        481 => return "Call/Transaction Does Not Exist".to_owned(),
        501 => return "Not Implemented".to_owned(),
        504 => return "Server Time-out".to_owned(),
        505 => return "Version Not Supported".to_owned(),
        513 => return "Message Too Large".to_owned(),
        603 => return "Decline".to_owned(),
        606 => return "Not Acceptable".to_owned(),
        604 => return "Does Not Exist Anywhere".to_owned(),
        _ => {}
    }
    let code = StatusCode::from(status);
    if matches!(code, StatusCode::Other(..)) {
        return class_phrase(status).to_owned();
    }
    let printed = code.to_string();
    words_of(printed.split_once(' ').map_or("", |(_, name)| name))
}

/// `BusyHere` becomes `Busy Here`.
fn words_of(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut lower_before = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower_before {
            words.push(' ');
        }
        lower_before = c.is_ascii_lowercase();
        words.push(c);
    }
    words
}

fn class_phrase(status: u16) -> &'static str {
    match status {
        100..=199 => "Session Progress",
        200..=299 => "OK",
        300..=399 => "Multiple Choices",
        400..=499 => "Bad Request",
        500..=599 => "Server Internal Error",
        _ => "Global Failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_those_of_rfc_3261() {
        for (status, phrase) in [
            (100, "Trying"),
            (180, "Ringing"),
            (182, "Queued"),
            (183, "Session Progress"),
            (200, "OK"),
            (400, "Bad Request"),
            (401, "Unauthorized"),
            (407, "Proxy Authentication Required"),
            (415, "Unsupported Media Type"),
            (420, "Bad Extension"),
            (480, "Temporarily Unavailable"),
            (481, "Call/Transaction Does Not Exist"),
            (486, "Busy Here"),
            (487, "Request Terminated"),
            (488, "Not Acceptable Here"),
            (491, "Request Pending"),
            (500, "Server Internal Error"),
            (503, "Service Unavailable"),
            (600, "Busy Everywhere"),
            (603, "Decline"),
        ] {
            assert_eq!(reason_phrase(status), phrase, "{status}");
        }
    }

    #[test]
    fn transport_tokens_read_without_regard_to_case() {
        assert_eq!("wss".parse::<Transport>().ok(), Some(Transport::Wss));
        assert!(Transport::Wss.is_secure());
        assert_eq!(Transport::Tls.to_string(), "TLS");
    }
}
