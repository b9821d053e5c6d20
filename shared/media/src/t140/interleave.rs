//! Text of several people in one stream, for a reader that cannot tell them apart by itself
//! (RFC 9071 section 4.2): one writer at a time, a label at each change, and changes where they
//! disturb least.
//!
//! What it is: the queue in front of every sender. While one person writes, which is the rule, it
//! passes characters as they are; labels begin with the second one.
//! What it is not: it knows no packets, no rhythm and no rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vrs_domain::limit::{TEXT_PENDING_BYTES_MAX, TEXT_WRITERS_MAX};

use super::control::{Control, Step};
use super::{BYTE_ORDER_MARK, LINE_SEPARATOR, MISSING_TEXT, Writer};

/// Whoever writes nothing for so long has lost the turn.
const PAUSE: Duration = Duration::from_secs(10);
/// Whoever waits for so long gets the turn between two words.
const PATIENCE: Duration = Duration::from_secs(60);
/// And after so much more within one.
const WORD: Duration = Duration::from_secs(15);
/// Resets the rendition (RFC 9071 section 4.2.2).
const PLAIN: [char; 3] = ['\u{9b}', '\0', 'm'];
const BACKSPACE: char = '\u{8}';
const BELL: char = '\u{7}';
/// Stands for a backspace that would take away the label or what is before it.
const ERASED: char = 'X';

/// What one person wrote and nobody was sent.
struct Queue {
    writer: Option<Writer>,
    chunks: VecDeque<(Instant, VecDeque<char>)>,
    bytes: usize,
    /// When they wrote last.
    heard: Instant,
    /// They are not there any more.
    gone: bool,
    control: Control,
}

impl Queue {
    fn source(&self) -> Option<u32> {
        self.writer.as_ref().map(|writer| writer.source)
    }

    /// Since when the oldest character waits.
    fn since(&self) -> Option<Instant> {
        self.chunks.front().map(|(at, _)| *at)
    }

    fn peek(&self) -> Option<char> {
        self.chunks.front()?.1.front().copied()
    }

    fn pop(&mut self) -> Option<char> {
        let (_, chunk) = self.chunks.front_mut()?;
        let c = chunk.pop_front()?;
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= c.len_utf8();
        Some(c)
    }

    fn push(&mut self, now: Instant, text: &str) {
        self.bytes += text.len();
        self.heard = now;
        match self.chunks.back_mut() {
            Some((at, chunk)) if *at == now => chunk.extend(text.chars()),
            Some(_) | None => self.chunks.push_back((now, text.chars().collect())),
        }
    }
}

/// Text on its way to one reader.
pub(crate) struct Interleaver {
    queues: Vec<Queue>,
    /// Whose turn it is.
    current: Option<usize>,
    /// More than one person has written.
    several: bool,
    /// Composed, and not yet taken.
    ready: VecDeque<char>,
    ready_since: Instant,
    /// The last two characters of this turn, newest last.
    last: [Option<char>; 2],
    /// The reader's line has no end yet.
    line_open: bool,
    /// Characters of this turn that a backspace may take away.
    shown: usize,
}

impl Interleaver {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            queues: Vec::new(),
            current: None,
            several: false,
            ready: VecDeque::new(),
            ready_since: now,
            last: [None; 2],
            line_open: false,
            shown: 0,
        }
    }

    /// Puts characters of our own before everything that waits.
    pub(crate) fn first(&mut self, c: char) {
        if self.ready.front() != Some(&c) {
            self.ready.push_front(c);
        }
    }

    /// Adds what `writer` (`None`: we ourselves) typed. False if too much of theirs waits already,
    /// or too many people write; nothing was taken then.
    pub(crate) fn push(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        let Some(index) = self.queue_of(now, writer) else {
            return false;
        };
        let queue = &mut self.queues[index];
        if queue.bytes + text.len() > TEXT_PENDING_BYTES_MAX {
            return false;
        }
        if !text.is_empty() {
            queue.push(now, text);
        }
        true
    }

    /// Something of this writer's could not be kept: the reader is told where.
    pub(crate) fn overflow(&mut self, now: Instant, writer: Option<&Writer>) {
        if let Some(index) = self.queue_of(now, writer) {
            let queue = &mut self.queues[index];
            let last = queue.chunks.back().and_then(|(_, chunk)| chunk.back());
            if last != Some(&MISSING_TEXT) {
                queue.push(now, MISSING_TEXT.encode_utf8(&mut [0; 4]));
            }
        }
    }

    fn queue_of(&mut self, now: Instant, writer: Option<&Writer>) -> Option<usize> {
        let source = writer.map(|writer| writer.source);
        if let Some(known) = self.queues.iter().position(|q| q.source() == source) {
            let queue = &mut self.queues[known];
            if queue.writer.as_ref() != writer {
                queue.writer = writer.cloned();
            }
            return Some(known);
        }
        if self.queues.len() >= TEXT_WRITERS_MAX {
            self.forget_one()?;
        }
        self.several |= !self.queues.is_empty();
        self.queues.push(Queue {
            writer: writer.cloned(),
            chunks: VecDeque::new(),
            bytes: 0,
            heard: now,
            gone: false,
            control: Control::default(),
        });
        Some(self.queues.len() - 1)
    }

    /// Makes room: whoever was silent longest and has nothing waiting.
    fn forget_one(&mut self) -> Option<()> {
        let mut idle = self.queues.iter().enumerate().collect::<Vec<_>>();
        idle.retain(|(at, queue)| queue.chunks.is_empty() && Some(*at) != self.current);
        let (at, _) = idle.into_iter().min_by_key(|(_, queue)| queue.heard)?;
        self.queues.remove(at);
        self.current = self.current.map(|now| now - usize::from(now > at));
        Some(())
    }

    /// A writer has left: nobody waits for them.
    pub(crate) fn gone(&mut self, source: u32) {
        let mut queues = self.queues.iter_mut();
        if let Some(queue) = queues.find(|queue| queue.source() == Some(source)) {
            queue.gone = true;
        }
    }

    /// What waits, by writer, oldest writer first: for another kind of sender.
    pub(crate) fn into_waiting(mut self) -> Vec<(Option<Writer>, String)> {
        let mut waiting: Vec<_> = self
            .queues
            .drain(..)
            .map(|queue| {
                let chars = queue.chunks.into_iter().flat_map(|(_, chunk)| chunk);
                (queue.writer, chars.collect::<String>())
            })
            .collect();
        // What was composed belongs to whose turn it was.
        let ready: String = self.ready.into_iter().collect();
        if let Some((_, text)) = self.current.and_then(|at| waiting.get_mut(at)) {
            text.insert_str(0, &ready);
        }
        waiting.retain(|(_, text)| !text.is_empty());
        waiting
    }

    /// From when on [`Self::take`] has something.
    pub(crate) fn due(&self) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(self.ready_since);
        }
        let own = self.current.and_then(|at| self.queues[at].since());
        own.or_else(|| {
            let (_, since) = self.longest_waiting()?;
            Some(self.turn_at(since).max(since))
        })
    }

    /// The next characters: at most so many, and so many bytes.
    pub(crate) fn take(&mut self, now: Instant, chars_max: usize, bytes_max: usize) -> String {
        let mut taken = String::new();
        for _ in 0..chars_max {
            if self.ready.is_empty() {
                self.compose(now);
            }
            match self.ready.front() {
                Some(c) if taken.len() + c.len_utf8() <= bytes_max => taken.push(*c),
                Some(_) | None => break,
            }
            self.ready.pop_front();
        }
        self.ready_since = now;
        taken
    }

    /// Composes something, if there is anything.
    fn compose(&mut self, now: Instant) {
        while self.ready.is_empty() {
            if let Some((other, since)) = self.longest_waiting()
                && self.turn_at(since) <= now
            {
                self.turn_to(other);
            }
            let Some(c) = self.current.and_then(|at| self.queues[at].pop()) else {
                return;
            };
            self.pass(c);
        }
    }

    /// Who waits longest of those whose turn it is not.
    fn longest_waiting(&self) -> Option<(usize, Instant)> {
        let queues = self.queues.iter().enumerate();
        queues
            .filter(|(at, _)| Some(*at) != self.current)
            .filter_map(|(at, queue)| Some((at, queue.since()?)))
            .min_by_key(|(_, since)| *since)
    }

    /// When whoever waits since then gets the turn, as far as it can be known (RFC 9071 section
    /// 4.2.2): at the end of a phrase, after a pause, and at last in any case.
    fn turn_at(&self, since: Instant) -> Instant {
        let Some(queue) = self.current.map(|at| &self.queues[at]) else {
            return since;
        };
        let at_last = since + PATIENCE + WORD;
        match queue.since() {
            // What they have is older.
            Some(own) if own <= since => return at_last,
            Some(_) => {}
            None if queue.gone => return since,
            None if queue.control.is_text() && self.at_phrase_end(None) => return since,
            None => return at_last.min(queue.heard + PAUSE),
        }
        if !queue.control.is_text() {
            return at_last;
        }
        if self.at_phrase_end(queue.peek()) {
            since
        } else if self.last[1].is_some_and(char::is_whitespace) {
            since + PATIENCE
        } else {
            at_last
        }
    }

    /// Whether a phrase, a sentence or a line ends before this character.
    fn at_phrase_end(&self, next: Option<char>) -> bool {
        let [before, last] = self.last;
        let Some(last) = last else { return false };
        if is_new_line(last) {
            // The second half of a line end stays with the first one.
            return !(last == '\r' && next == Some('\n'));
        }
        let closes = |c: char| matches!(c, ',' | ';' | '.' | '!' | '?' | '…');
        // These stand alone; the others also stand within numbers and names.
        let wide = |c: char| matches!(c, '、' | '，' | '。' | '！' | '？' | '；');
        // With a space after it, or nothing: then what comes next is not held up by it.
        wide(last)
            || (closes(last) && next.is_none())
            || (last.is_whitespace() && before.is_some_and(closes))
    }

    fn turn_to(&mut self, next: usize) {
        if self.line_open {
            self.ready.push_back(LINE_SEPARATOR);
            self.line_open = false;
        }
        let before = self.current.map(|at| &mut self.queues[at]);
        if before.is_some_and(|queue| queue.control.leave()) {
            self.ready.extend(PLAIN);
        }
        let queue = &self.queues[next];
        self.ready.extend(queue.control.rendition());
        if self.several
            && let Some(writer) = queue.writer.as_ref().filter(|who| !who.name.is_empty())
        {
            let name = writer.name.chars();
            self.ready.push_back('[');
            self.ready.extend(name.filter(|c| !matches!(c, '[' | ']')));
            self.ready.extend(['\u{5d}', ' ']);
            self.line_open = true;
        }
        self.current = Some(next);
        self.last = [None; 2];
        self.shown = 0;
    }

    /// Passes one character of whose turn it is.
    fn pass(&mut self, c: char) {
        let Some(queue) = self.current.map(|at| &mut self.queues[at]) else {
            return;
        };
        if queue.control.step(c) == Step::Control {
            self.ready.push_back(c);
            return;
        }
        match c {
            BYTE_ORDER_MARK => return,
            BELL => {
                self.ready.push_back(c);
                return;
            }
            BACKSPACE if self.shown == 0 && self.several => {
                self.ready.push_back(ERASED);
                return;
            }
            BACKSPACE => self.shown = self.shown.saturating_sub(1),
            // One action erases both halves of a line end.
            '\n' if self.last[1] == Some('\r') => {}
            _ => self.shown += 1,
        }
        self.ready.push_back(c);
        self.last = [self.last[1], Some(c)];
        self.line_open = !is_new_line(c);
    }
}

fn is_new_line(c: char) -> bool {
    matches!(c, LINE_SEPARATOR | '\u{2029}' | '\r' | '\n')
}

#[cfg(test)]
#[path = "interleave_tests.rs"]
mod tests;
