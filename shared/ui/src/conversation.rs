//! Real-time text as both people see it (T.140 as carried by RFC 4103): own lines, the peer's lines.
//!
//! Pure: it says which characters to send, and takes those that came. It forgets everything with
//! [`Conversation::default`]; nothing of it is written anywhere.

use std::collections::VecDeque;

/// T.140's LINE SEPARATOR, which ends a line.
const LINE_SEPARATOR: char = '\u{2028}';
const BACKSPACE: char = '\u{8}';
const LINES_MAX: usize = 400;
const LINE_CHARS_MAX: usize = 1000;

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The user of this app.
    Me,
    /// The other person.
    Peer,
}

/// One line of the conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Who wrote it.
    pub author: Author,
    /// Its characters.
    pub text: String,
    /// More may still be added.
    pub open: bool,
}

impl std::fmt::Debug for Line {
    /// Never the text: it is content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Line({:?}, {} chars)",
            self.author,
            self.text.chars().count()
        )
    }
}

/// The lines of both, and what is being typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversation {
    lines: VecDeque<Line>,
    draft: vrs_domain::Sensitive<String>,
}

impl Conversation {
    /// The lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> + ExactSizeIterator {
        self.lines.iter()
    }

    /// What the user is typing; the peer has seen all of it.
    #[must_use]
    pub fn draft(&self) -> &str {
        self.draft.expose()
    }

    /// Takes the new content of the user's field; the characters to send for it.
    pub fn retype(&mut self, field: &str) -> String {
        let field: String = field
            .chars()
            .filter(|c| !c.is_control())
            .take(LINE_CHARS_MAX)
            .collect();
        let old = self.draft.expose();
        let same = old
            .chars()
            .zip(field.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let gone = old.chars().count() - same;
        let mut sent = String::from(BACKSPACE).repeat(gone);
        sent.extend(field.chars().skip(same));
        self.draft = vrs_domain::Sensitive::new(field);
        sent
    }

    /// Ends the user's line; the characters to send for it, none when nothing was typed.
    pub fn finish_line(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.draft).into_exposed();
        if text.is_empty() {
            return None;
        }
        self.add(Line {
            author: Author::Me,
            text,
            open: false,
        });
        Some(LINE_SEPARATOR.to_string())
    }

    /// Takes characters from the peer.
    pub fn receive(&mut self, text: &str) {
        let mut after_return = false;
        for c in text.chars() {
            let was_after_return = std::mem::replace(&mut after_return, c == '\r');
            match c {
                '\n' if was_after_return => {}
                LINE_SEPARATOR | '\u{2029}' | '\r' | '\n' => self.close_peer_line(),
                BACKSPACE => {
                    if let Some(line) = self.peer_line() {
                        line.text.pop();
                    }
                }
                '\u{feff}' => {}
                c if c.is_control() => {}
                c => self.append_for_peer(c),
            }
        }
    }

    fn append_for_peer(&mut self, c: char) {
        let fits = self
            .peer_line()
            .is_some_and(|line| line.text.chars().count() < LINE_CHARS_MAX);
        if !fits {
            self.close_peer_line();
            self.add(Line {
                author: Author::Peer,
                text: String::new(),
                open: true,
            });
        }
        if let Some(line) = self.peer_line() {
            line.text.push(c);
        }
    }

    fn peer_line(&mut self) -> Option<&mut Line> {
        self.lines
            .iter_mut()
            .rev()
            .find(|line| line.author == Author::Peer && line.open)
    }

    fn close_peer_line(&mut self) {
        if let Some(line) = self.peer_line() {
            line.open = false;
        }
    }

    fn add(&mut self, line: Line) {
        self.lines.push_back(line);
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(conversation: &Conversation) -> Vec<(Author, &str)> {
        conversation
            .lines()
            .map(|line| (line.author, line.text.as_str()))
            .collect()
    }

    #[test]
    fn u6_every_character_goes_out_as_it_is_typed() {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.retype("h"), "h");
        assert_eq!(conversation.retype("hallo"), "allo");
        assert_eq!(conversation.retype("hello"), "\u{8}\u{8}\u{8}\u{8}ello");
        assert_eq!(conversation.retype("hell"), "\u{8}");
        assert_eq!(conversation.finish_line().as_deref(), Some("\u{2028}"));
        assert_eq!(conversation.finish_line(), None);
        assert_eq!(shown(&conversation), [(Author::Me, "hell")]);
        assert_eq!(conversation.draft(), "");
    }

    #[test]
    fn u6_the_peers_corrections_and_lines_are_followed() {
        let mut conversation = Conversation::default();
        conversation.receive("\u{feff}helo");
        conversation.receive("\u{8}lo\r\nthere");
        conversation.receive("\u{2028}\u{8}\u{8}\u{7}");
        assert_eq!(
            shown(&conversation),
            [(Author::Peer, "hello"), (Author::Peer, "there")]
        );
    }

    #[test]
    fn a_flood_of_text_stays_bounded() {
        let mut conversation = Conversation::default();
        conversation.receive(&"x".repeat(5 * LINE_CHARS_MAX));
        conversation.receive(&"y\n".repeat(2 * LINES_MAX));
        assert_eq!(conversation.lines().len(), LINES_MAX);
        assert!(
            conversation
                .lines()
                .all(|line| line.text.chars().count() <= LINE_CHARS_MAX)
        );
        assert_eq!(
            conversation.retype(&"z".repeat(3 * LINE_CHARS_MAX)).len(),
            LINE_CHARS_MAX
        );
    }

    #[test]
    fn nothing_that_was_written_is_printed() {
        let mut conversation = Conversation::default();
        conversation.receive("secret");
        conversation.retype("hidden");
        let printed = format!("{conversation:?}");
        assert!(
            !printed.contains("secret") && !printed.contains("hidden"),
            "{printed}"
        );
    }
}
