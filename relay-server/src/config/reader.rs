//! Reads TOML sections key by key, remembering lines, and collects every problem on the way.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// A value and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value as written.
    pub value: T,
    /// Its line, counted from 1.
    pub line: usize,
}

/// Line of a byte offset, counted from 1.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes()
        .iter()
        .take(span.start)
        .filter(|&&b| b == b'\n')
        .count()
        + 1
}

/// One table of the file, or its absence.
pub(super) struct Section<'a, 'p> {
    name: &'a str,
    text: &'a str,
    table: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Section<'a, 'p> {
    pub(super) fn new(
        name: &'a str,
        text: &'a str,
        table: Option<&'a DeTable<'a>>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self {
            name,
            text,
            table,
            known: Vec::new(),
            problems,
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        let table = self.table?;
        table
            .iter()
            .find(|(k, _)| k.get_ref().as_ref() == key)
            .map(|(_, value)| value)
    }

    fn wrong_type(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
        example: &str,
    ) {
        let found = value.get_ref().type_str();
        self.problems.push(Problem {
            line: Some(line_of(self.text, &value.span())),
            key: format!("{} {key}", self.name),
            message: format!("expected {expected}, found {found}"),
            hint: format!("write it like: {key} = {example}"),
        });
    }

    /// A quoted text.
    pub(super) fn text(&mut self, key: &'static str, example: &str) -> Option<At<String>> {
        let value = self.find(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(At {
                value: text.to_owned(),
                line: line_of(self.text, &value.span()),
            });
        }
        self.wrong_type(key, value, "text in quotes", example);
        None
    }

    /// A list of quoted texts.
    pub(super) fn texts(&mut self, key: &'static str, example: &str) -> Option<Vec<At<String>>> {
        let value = self.find(key)?;
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts in quotes", example);
            return None;
        };
        let mut texts = Vec::with_capacity(list.len());
        for item in list {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At {
                    value: text.to_owned(),
                    line: line_of(self.text, &item.span()),
                }),
                None => self.wrong_type(key, item, "text in quotes", example),
            }
        }
        Some(texts)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<At<bool>> {
        let value = self.find(key)?;
        if let Some(flag) = value.get_ref().as_bool() {
            return Some(At {
                value: flag,
                line: line_of(self.text, &value.span()),
            });
        }
        self.wrong_type(key, value, "true or false", "true");
        None
    }

    /// A whole number within `range`.
    pub(super) fn whole(&mut self, key: &'static str, range: Range<u64>) -> Option<At<u64>> {
        let value = self.find(key)?;
        let line = line_of(self.text, &value.span());
        let example = range.start.to_string();
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong_type(key, value, "a whole number", &example);
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(|n| u64::try_from(n).ok())
        {
            Some(n) if range.contains(&n) => Some(At { value: n, line }),
            Some(_) | None => {
                self.problems.push(Problem {
                    line: Some(line),
                    key: format!("{} {key}", self.name),
                    message: format!("{} is out of range", number.as_str()),
                    hint: format!(
                        "write a whole number from {} to {}",
                        range.start,
                        range.end - 1
                    ),
                });
                None
            }
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, _) in table {
            let word = key.get_ref().as_ref();
            if self.known.contains(&word) {
                continue;
            }
            self.problems.push(Problem {
                line: Some(line_of(self.text, &key.span())),
                key: format!("{} {word}", self.name),
                message: "there is no such key".into(),
                hint: suggestion(word, &self.known),
            });
        }
    }
}

/// `did you mean …` when one known word is close, else the list of known words.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    match known.iter().map(|k| (distance(word, k), k)).min() {
        Some((steps, near)) if steps <= 2 => format!("did you mean '{near}'?"),
        Some(_) | None => format!("known here: {}", known.join(", ")),
    }
}

/// Edits (insert, delete, replace) between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested() {
        assert_eq!(
            suggestion("secur", &["secure", "media"]),
            "did you mean 'secure'?"
        );
        assert_eq!(
            suggestion("tls_port", &["secure", "media"]),
            "known here: secure, media"
        );
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
