//! Whose text it is: everybody who writes in a room has a source of their own, which stays theirs
//! when they take another place, and a name that tells their part (RFC 9071 section 3.15).

use std::collections::BTreeMap;
use std::time::Instant;

use vrs_media::Writer;

use super::room::{Party, Room, RoomOutput};

/// What those in a room are called. Several of the same part are numbered as they come.
pub(super) struct Names<L> {
    given: BTreeMap<L, String>,
    /// How many of each part there were.
    counts: BTreeMap<&'static str, u32>,
}

impl<L> Default for Names<L> {
    fn default() -> Self {
        Self {
            given: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }
}

impl<L: Party> Names<L> {
    /// Somebody takes this place. Whoever takes it again after a break has the same name.
    pub(super) fn join(&mut self, leg: L) {
        self.given.entry(leg).or_insert_with(|| {
            let part = leg.called();
            let count = self.counts.entry(part).or_default();
            *count += 1;
            match *count {
                1 => part.to_owned(),
                more => format!("{part} {more}"),
            }
        });
    }

    /// Somebody takes another place, and their name with them: who comes to the old one next is
    /// somebody else.
    pub(super) fn rename(&mut self, from: L, to: L) {
        if let Some(name) = self.given.remove(&from) {
            self.given.insert(to, name);
        }
    }

    fn of(&self, leg: L) -> &str {
        self.given.get(&leg).map_or("", String::as_str)
    }
}

impl<L: Party> Room<L> {
    /// Passes on what somebody wrote to all who read it.
    pub(super) fn pass_text(&mut self, now: Instant, leg: L, text: &str) {
        let Some(source) = self.peers.get(&leg).map(|peer| peer.text_source()) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let writer = Writer::new(source, self.names.of(leg));
        let mut taken = false;
        for reader in leg.readers() {
            let peer = self.peers.get_mut(reader);
            taken |= peer.is_some_and(|peer| peer.send_text_of(now, &writer, text));
        }
        if !taken {
            self.outputs.push_back(RoomOutput::TextLost { leg });
        }
    }
}

#[cfg(test)]
impl<L: Party> Room<L> {
    /// What those who are there are called.
    pub(super) fn names_of(&self) -> Vec<&str> {
        self.peers.keys().map(|leg| self.names.of(*leg)).collect()
    }
}
