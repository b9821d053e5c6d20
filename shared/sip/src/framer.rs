//! Messages out of a TCP or TLS byte stream (RFC 3261 section 18.3, RFC 5626 section 3.5.1).
//!
//! What it is: a buffer that cuts by Content-Length and notices keep-alive pings.
//! What it is not: a parser; a whole message goes on to [`crate::Endpoint::receive`].

use crate::limit::{MESSAGE_BYTES_MAX, STREAM_BUFFER_BYTES_MAX};
use crate::message::{content_length, header_section_length};
use thiserror::Error;

/// What the stream held next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// One whole message.
    Message(Vec<u8>),
    /// A keep-alive ping (double CRLF): write [`PONG`] back.
    Ping,
    /// A pong (single CRLF) to our ping.
    Pong,
}

/// The answer to a ping.
pub const PONG: &[u8] = b"\r\n";
/// What a client writes to ask whether the connection is alive.
pub const PING: &[u8] = b"\r\n\r\n";

/// The stream cannot be cut any more; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Header section or body larger than a message may be.
    #[error("stream message exceeds the size limit")]
    TooLarge,
    /// Content-Length is missing, repeated or not a number.
    #[error("stream message without one usable Content-Length")]
    ContentLength,
}

/// Cuts a byte stream into messages.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Octets at the front already handed out.
    consumed: usize,
    /// Where the search for the end of the header section goes on.
    searched: usize,
    /// Length of the message at the front, once its header section is complete.
    whole: Option<usize>,
    broken: Option<FrameError>,
}

impl StreamFramer {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds octets read from the connection. Drain [`StreamFramer::poll`] after each call.
    ///
    /// # Errors
    /// When the peer sends more than one message may hold without completing it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.searched = self.searched.saturating_sub(self.consumed);
            self.consumed = 0;
        }
        if self.buffer.len() > STREAM_BUFFER_BYTES_MAX {
            self.broken = Some(FrameError::TooLarge);
            return Err(FrameError::TooLarge);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole thing in the stream; `Ok(None)` when more octets are needed.
    ///
    /// # Errors
    /// The peer's framing cannot be trusted any more: close the connection.
    pub fn poll(&mut self) -> Result<Option<Framed>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let outcome = self.next();
        if let Err(error) = outcome {
            self.broken = Some(error);
        }
        outcome
    }

    /// Octets waiting for the rest of their message: a driver closes a connection that keeps some
    /// for long (A20).
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.consumed
    }

    fn next(&mut self) -> Result<Option<Framed>, FrameError> {
        let pending = &self.buffer[self.consumed..];
        if pending.starts_with(PING) {
            self.take(PING.len());
            return Ok(Some(Framed::Ping));
        }
        if pending.starts_with(PONG) {
            // Two more octets could still make it a ping.
            if pending.len() < PING.len() && PING.starts_with(pending) && pending.len() > PONG.len()
            {
                return Ok(None);
            }
            self.take(PONG.len());
            return Ok(Some(Framed::Pong));
        }
        if pending == b"\r" || pending.is_empty() {
            return Ok(None);
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => {
                let from = self.searched.saturating_sub(self.consumed + 3);
                let Some(head) = header_section_length(pending, from) else {
                    if pending.len() > MESSAGE_BYTES_MAX {
                        return Err(FrameError::TooLarge);
                    }
                    self.searched = self.buffer.len();
                    return Ok(None);
                };
                let length = stream_content_length(&pending[..head])?;
                let whole = head.checked_add(length).filter(|w| *w <= MESSAGE_BYTES_MAX);
                let whole = whole.ok_or(FrameError::TooLarge)?;
                self.whole = Some(whole);
                whole
            }
        };
        if pending.len() < whole {
            return Ok(None);
        }
        let message = pending[..whole].to_vec();
        self.take(whole);
        Ok(Some(Framed::Message(message)))
    }

    fn take(&mut self, length: usize) {
        self.consumed += length;
        self.searched = self.consumed;
        self.whole = None;
    }
}

/// The one Content-Length of a header section; it must be there on a stream.
fn stream_content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    for line in head.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let (name, value) = (
            line[..colon].trim_ascii_end(),
            line[colon + 1..].trim_ascii(),
        );
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = std::str::from_utf8(value).ok().and_then(content_length);
        if found.is_some() || value.is_none() {
            return Err(FrameError::ContentLength);
        }
        found = value;
    }
    found.ok_or(FrameError::ContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\n";

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let stream = format!("{HEAD}abcd\r\n\r\n{HEAD}efgh");
        for step in 1..stream.len() {
            let mut framer = StreamFramer::new();
            let mut messages = Vec::new();
            for chunk in stream.as_bytes().chunks(step) {
                framer.push(chunk).unwrap();
                while let Some(framed) = framer.poll().unwrap() {
                    if let Framed::Message(message) = framed {
                        messages.push(message);
                    }
                }
            }
            let expected = [
                format!("{HEAD}abcd").into_bytes(),
                format!("{HEAD}efgh").into_bytes(),
            ];
            assert_eq!(messages, expected, "step {step}");
            assert_eq!(framer.pending_bytes(), 0);
        }
    }

    #[test]
    fn a_ping_is_told_from_a_pong() {
        let mut framer = StreamFramer::new();
        framer.push(b"\r\n\r\n").unwrap();
        assert_eq!(framer.poll(), Ok(Some(Framed::Ping)));
        framer.push(b"\r\n").unwrap();
        assert_eq!(framer.poll(), Ok(Some(Framed::Pong)));
        assert_eq!(framer.poll(), Ok(None));
    }

    #[test]
    fn framing_that_cannot_be_trusted_breaks_the_stream_for_good() {
        for head in [
            "l: 1\r\nContent-Length: 2",
            "l: -999",
            "l: five",
            "Subject: none",
            "l: 99999999",
            "l: 99999999999999999999",
        ] {
            let mut framer = StreamFramer::new();
            framer
                .push(format!("OPTIONS sip:a SIP/2.0\r\n{head}\r\n\r\n").as_bytes())
                .unwrap();
            assert!(framer.poll().is_err(), "{head}");
            assert!(framer.poll().is_err(), "{head}");
        }
    }

    #[test]
    fn a20_an_endless_header_is_cut_off() {
        let mut framer = StreamFramer::new();
        let mut pushed = 0;
        let refused = loop {
            if framer.push(&[b'a'; 1024]).is_err() || framer.poll().is_err() {
                break true;
            }
            pushed += 1024;
            if pushed > 2 * STREAM_BUFFER_BYTES_MAX {
                break false;
            }
        };
        assert!(refused);
    }
}
