//! Real-time text as both people see it (T.140 as carried by RFC 4103): own lines, the peer's lines,
//! and apart from each other those of several others (RFC 9071 section 4.1).
//!
//! Pure: it says which characters to send, and takes those that came. It forgets everything with
//! [`Conversation::default`]; nothing of it is written anywhere.

use std::collections::VecDeque;

use vrs_media::Written;

/// T.140's LINE SEPARATOR, which ends a line.
const LINE_SEPARATOR: char = '\u{2028}';
const BACKSPACE: char = '\u{8}';
const LINES_MAX: usize = 400;
const LINE_CHARS_MAX: usize = 1000;
/// People whose names are kept.
const NAMES_MAX: usize = 32;

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The user of this app.
    Me,
    /// The other person, or one of several others.
    Peer(Option<u32>),
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
    names: VecDeque<(u32, vrs_domain::Sensitive<String>)>,
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

    /// What somebody is called; empty where nobody has told.
    #[must_use]
    pub fn name(&self, source: Option<u32>) -> &str {
        let mut names = self.names.iter();
        let known = names.find(|(known, _)| Some(*known) == source);
        known.map_or("", |(_, name)| name.expose())
    }

    /// Takes characters from the other person, or one of several. Each changes only what is theirs.
    pub fn receive(&mut self, written: &Written) {
        if let Some(source) = written.source
            && !written.name.is_empty()
            && self.name(written.source) != written.name
        {
            self.names.retain(|(known, _)| *known != source);
            let name = vrs_domain::Sensitive::new(written.name.clone());
            self.names.push_back((source, name));
            if self.names.len() > NAMES_MAX {
                self.names.pop_front();
            }
        }
        let author = Author::Peer(written.source);
        let mut after_return = false;
        for c in written.text.chars() {
            let was_after_return = std::mem::replace(&mut after_return, c == '\r');
            match c {
                '\n' if was_after_return => {}
                LINE_SEPARATOR | '\u{2029}' | '\r' | '\n' => self.end_line(author),
                BACKSPACE => self.erase(author),
                '\u{feff}' => {}
                c if c.is_control() => {}
                c => self.append(author, c),
            }
        }
    }

    fn append(&mut self, author: Author, c: char) {
        let fits = self
            .open_line(author)
            .is_some_and(|line| line.text.chars().count() < LINE_CHARS_MAX);
        if !fits {
            self.begin_line(author);
        }
        if let Some(line) = self.open_line(author) {
            line.text.push(c);
        }
    }

    /// Takes back the last character of this one, or the end of their last line (RFC 9071 section
    /// 4: erasure knows no limit).
    fn erase(&mut self, author: Author) {
        let Some(at) = self.lines.iter().rposition(|line| line.author == author) else {
            return;
        };
        let line = &mut self.lines[at];
        if !line.open {
            line.open = true;
        } else if line.text.pop().is_none() {
            self.lines.remove(at);
            // What was empty is gone; the end of the line before it goes with it.
            if let Some(at) = self.lines.iter().rposition(|line| line.author == author) {
                self.lines[at].open = true;
            }
        }
    }

    fn open_line(&mut self, author: Author) -> Option<&mut Line> {
        self.lines
            .iter_mut()
            .rev()
            .find(|line| line.author == author)
            .filter(|line| line.open)
    }

    fn begin_line(&mut self, author: Author) {
        if let Some(line) = self.open_line(author) {
            line.open = false;
        }
        self.add(Line {
            author,
            text: String::new(),
            open: true,
        });
    }

    /// An empty line takes no place, and so no action to erase it.
    fn end_line(&mut self, author: Author) {
        if let Some(line) = self.open_line(author) {
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

    const PEER: Author = Author::Peer(None);

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
        conversation.receive(&"\u{feff}helo".into());
        conversation.receive(&"\u{8}lo\r\nthere".into());
        conversation.receive(&"\u{2028}\u{8}\u{8}\u{7}".into());
        assert_eq!(shown(&conversation), [(PEER, "hello"), (PEER, "ther")]);
        // Over the ends of lines, as far as there is anything.
        conversation.receive(&"\u{8}".repeat(6).as_str().into());
        assert_eq!(shown(&conversation), [(PEER, "hell")]);
        conversation.receive(&"\u{8}".repeat(9).as_str().into());
        conversation.receive(&"o\u{2028}".into());
        assert_eq!(shown(&conversation), [(PEER, "o")]);
    }

    fn of(source: u32, text: &str) -> Written {
        Written {
            source: Some(source),
            name: format!("Number {source}"),
            text: text.into(),
        }
    }

    #[test]
    fn r39_several_others_write_at_once_and_each_takes_back_only_their_own() {
        let mut conversation = Conversation::default();
        conversation.receive(&of(1, "My flight is tk"));
        conversation.receive(&of(2, "Hi all"));
        conversation.retype("hello");
        conversation.finish_line();
        conversation.receive(&of(1, "\u{8}o Orly\u{2028}"));
        conversation.receive(&of(2, &"\u{8}".repeat(20)));
        conversation.receive(&of(1, "Eve"));
        conversation.receive(&of(2, "Yes"));
        let (one, two) = (Author::Peer(Some(1)), Author::Peer(Some(2)));
        assert_eq!(
            shown(&conversation),
            [
                (one, "My flight is to Orly"),
                (Author::Me, "hello"),
                (one, "Eve"),
                (two, "Yes")
            ]
        );
        assert_eq!(conversation.name(Some(2)), "Number 2");
        assert_eq!(conversation.name(None), "");
        for source in 0..1_000 {
            conversation.receive(&of(source, ""));
        }
        assert_eq!(conversation.names.len(), NAMES_MAX);
    }

    #[test]
    fn a_flood_of_text_stays_bounded() {
        let mut conversation = Conversation::default();
        conversation.receive(&"x".repeat(5 * LINE_CHARS_MAX).as_str().into());
        conversation.receive(&"y\n".repeat(2 * LINES_MAX).as_str().into());
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
        conversation.receive(&"secret".into());
        conversation.retype("hidden");
        let printed = format!("{conversation:?}");
        assert!(
            !printed.contains("secret") && !printed.contains("hidden"),
            "{printed}"
        );
    }
}
