//! A re-INVITE that changes nothing (a session refresh, a keep-alive of the far end): pure.

/// What makes a media session another one: who we talk to and how it is secured.
const IDENTITY: [&str; 3] = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"];

/// What to answer: what we said before, when `offer` is empty or describes the same session as `before`.
/// `None`: the session would change, which is refused (488).
pub(super) fn answer(ours: &str, before: &str, offer: &str) -> Option<String> {
    if offer.trim().is_empty() {
        return Some(ours.to_owned());
    }
    let same = identity(before) == identity(offer) && media_lines(before) == media_lines(offer);
    // An answer names its DTLS role; what was agreed before stays (RFC 8842 section 5.5).
    same.then(|| ours.replace("a=setup:actpass", "a=setup:active"))
}

fn identity(sdp: &str) -> Vec<&str> {
    let mut lines: Vec<_> = sdp
        .lines()
        .map(str::trim)
        .filter(|line| IDENTITY.iter().any(|name| line.starts_with(name)))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Kinds of media in order, and whether each is rejected (port 0).
fn media_lines(sdp: &str) -> Vec<(&str, bool)> {
    let media = sdp
        .lines()
        .filter_map(|line| line.trim().strip_prefix("m="));
    media
        .map(|line| {
            let mut words = line.split(' ');
            (words.next().unwrap_or_default(), words.next() == Some("0"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "v=0\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n";
    const THEIRS: &str = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\na=fingerprint:sha-256 AA\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n";

    #[test]
    fn a_refresh_gets_what_we_said_before() {
        assert_eq!(answer(OURS, THEIRS, ""), Some(OURS.into()));
        let again = answer(OURS, THEIRS, &format!("{THEIRS}a=sendrecv\r\n")).unwrap();
        assert!(again.contains("a=setup:active\r\n"));
    }

    #[test]
    fn another_session_is_refused() {
        assert_eq!(answer(OURS, THEIRS, &THEIRS.replace("AA", "BB")), None);
        assert_eq!(
            answer(
                OURS,
                THEIRS,
                &format!("{THEIRS}m=video 9 UDP/TLS/RTP/SAVPF 97\r\n")
            ),
            None
        );
    }
}
