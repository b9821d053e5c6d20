//! Character classes of RFC 3261 section 25.1 and the scanners built on them.

/// `token` characters.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// A non-empty `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// `mark` and alphanumerics: characters whose percent escape means the same (section 19.1.4).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// White space inside an unfolded value.
pub(crate) fn is_wsp(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Whether an unfolded header value is free of control characters, except those that a
/// quoted-pair inside a quoted string may carry (never CR or LF).
pub(crate) fn is_clean_value(value: &str) -> bool {
    if value
        .bytes()
        .all(|b| (b >= 0x20 && b != 0x7f) || b == b'\t')
    {
        return true;
    }
    let mut quoted = false;
    let mut escaped = false;
    for byte in value.bytes() {
        let control = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        if control && !(quoted && escaped && byte != b'\r' && byte != b'\n') {
            return false;
        }
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        }
    }
    true
}

/// Replaces every control character by a space, so that a value stays one line.
pub(crate) fn blank_controls(text: &mut String) {
    if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        *text = text
            .chars()
            .map(|c| {
                if (c as u32) < 0x20 || c == '\x7f' {
                    ' '
                } else {
                    c
                }
            })
            .collect();
    }
}

/// Splits at `separator` outside quoted strings and angle brackets. `None`: a quoted string or a
/// bracket is left open, or there are more than `most` parts.
pub(crate) fn split_outside(text: &str, separator: char, most: usize) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    let mut angle = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted {
            match c {
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else if angle {
            angle = c != '>';
        } else if c == '"' {
            quoted = true;
        } else if c == '<' {
            angle = true;
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
            if parts.len() >= most {
                return None;
            }
        }
    }
    if quoted || angle {
        return None;
    }
    parts.push(&text[start..]);
    Some(parts)
}

/// Reads a quoted string at the start of `text`: its meaning (quoted pairs resolved) and what
/// follows the closing quote.
pub(crate) fn take_quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut meaning = String::new();
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if escaped {
            escaped = false;
            meaning.push(c);
        } else if c == '\\' {
            escaped = true;
        } else if c == '"' {
            return Some((meaning, &inner[at + 1..]));
        } else {
            meaning.push(c);
        }
    }
    None
}

/// Writes a quoted string. CR and LF, which no quoting can carry, become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\r' | '\n' => out.push(' '),
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\t' => out.push(c),
            c if (c as u32) < 0x20 || c == '\x7f' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The value of a hexadecimal digit.
fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Reads `%HH` at `at`.
pub(crate) fn escape_at(bytes: &[u8], at: usize) -> Option<u8> {
    if bytes.get(at) != Some(&b'%') {
        return None;
    }
    Some(hex_digit(*bytes.get(at + 1)?)? << 4 | hex_digit(*bytes.get(at + 2)?)?)
}

/// Brings percent escapes into one form: unreserved characters plain, all else `%HH` in upper
/// case. `None` when a `%` starts no escape or a character is not `allowed`.
pub(crate) fn normalise(text: &str, allowed: impl Fn(u8) -> bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let value = escape_at(bytes, at)?;
            if is_unreserved(value) {
                out.push(char::from(value));
            } else {
                push_escape(&mut out, value);
            }
            at += 3;
        } else if byte.is_ascii() && (is_unreserved(byte) || allowed(byte)) {
            out.push(char::from(byte));
            at += 1;
        } else {
            return None;
        }
    }
    Some(out)
}

/// Writes text so that only unreserved and `allowed` characters and escapes in their normal form
/// remain.
pub(crate) fn escape(text: &str, allowed: impl Fn(u8) -> bool) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = escape_at(bytes, at);
        let value = escaped.unwrap_or(byte);
        let plain = is_unreserved(value) || (escaped.is_none() && byte.is_ascii() && allowed(byte));
        if plain {
            out.push(char::from(value));
        } else {
            push_escape(&mut out, value);
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

fn push_escape(out: &mut String, value: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(value >> 4)]));
    out.push(char::from(DIGITS[usize::from(value & 15)]));
}

/// Resolves percent escapes to octets, once (never recursively, RFC 3986 section 2.4).
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Some(value) = escape_at(bytes, at) {
            out.push(value);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    out
}

/// A host name, an IPv4 address or a bracketed IPv6 reference. The underscore is tolerated.
pub(crate) fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty()
        && host.len() <= 255
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// Splits `host[:port]`. `None` when either is not well formed.
pub(crate) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let cut = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(cut);
    let (host, rest) = (
        host.trim_end_matches(is_wsp),
        rest.trim_start_matches(is_wsp),
    );
    if !is_host(host) {
        return None;
    }
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?.trim_matches(is_wsp);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(digits.parse().ok()?)))
}
