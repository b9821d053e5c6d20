//! SIP methods, case-sensitive, unknown ones kept.

use super::chars::is_token;
use std::fmt;

/// What a request asks (RFC 3261 section 7.1). `Other` holds any token that is none of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Acknowledges a final response to INVITE.
    Ack,
    /// Ends a dialog.
    Bye,
    /// Withdraws an INVITE.
    Cancel,
    /// Carries application words in a dialog (RFC 6086).
    Info,
    /// Starts or changes a session.
    Invite,
    /// Instant message (RFC 3428).
    Message,
    /// Event notification (RFC 6665).
    Notify,
    /// Asks for capabilities.
    Options,
    /// Provisional acknowledgement (RFC 3262).
    Prack,
    /// Event publication (RFC 3903).
    Publish,
    /// Transfer (RFC 3515).
    Refer,
    /// Binds an address of record to a contact.
    Register,
    /// Event subscription (RFC 6665).
    Subscribe,
    /// Session change without INVITE (RFC 3311).
    Update,
    /// Any other token, as written.
    Other(String),
}

impl Method {
    /// The method as written on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Publish => "PUBLISH",
            Self::Refer => "REFER",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Update => "UPDATE",
            Self::Other(token) => token,
        }
    }

    /// Reads a method; `None` when it is not a token. `%` is no escape here and case counts.
    pub fn from_token(token: &str) -> Option<Self> {
        if !is_token(token) {
            return None;
        }
        Some(match token {
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "INFO" => Self::Info,
            "INVITE" => Self::Invite,
            "MESSAGE" => Self::Message,
            "NOTIFY" => Self::Notify,
            "OPTIONS" => Self::Options,
            "PRACK" => Self::Prack,
            "PUBLISH" => Self::Publish,
            "REFER" => Self::Refer,
            "REGISTER" => Self::Register,
            "SUBSCRIBE" => Self::Subscribe,
            "UPDATE" => Self::Update,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An application may have built `Other` by hand: never let it split the start line.
        let token = self.as_str();
        f.write_str(if is_token(token) { token } else { "UNKNOWN" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_methods_are_not_equal() {
        assert_eq!(Method::from_token("INVITE"), Some(Method::Invite));
        assert_eq!(
            Method::from_token("invite"),
            Some(Method::Other("invite".into()))
        );
        assert_eq!(
            Method::from_token("IN%56ITE"),
            Some(Method::Other("IN%56ITE".into()))
        );
        assert_eq!(Method::from_token("IN VITE"), None);
    }
}
