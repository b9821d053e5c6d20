//! JSON values, read and written: all this program needs of RFC 8259, without a dependency.

/// Values nested deeper than this are refused, so that a broken report cannot exhaust the stack.
const DEPTH_MAX: usize = 64;

/// One JSON value; objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl Value {
    /// Builds an object from pairs.
    pub(crate) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Self {
        Self::Object(
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// The member `key` of an object, [`Value::Null`] when there is none.
    pub(crate) fn get(&self, key: &str) -> &Value {
        static NULL: Value = Value::Null;
        let Self::Object(members) = self else {
            return &NULL;
        };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map_or(&NULL, |(_, value)| value)
    }

    /// The number, if it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The items of a list; nothing for anything else.
    pub(crate) fn items(&self) -> &[Value] {
        if let Self::List(items) = self {
            items
        } else {
            &[]
        }
    }

    /// Reads one value that fills the whole text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
        };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == reader.bytes.len() {
            Ok(value)
        } else {
            Err(reader.complain("the end"))
        }
    }

    /// Writes the value with two spaces of indentation and a final line end.
    pub(crate) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            // JSON has no infinities; a level of silence may be one.
            Self::Number(value) if !value.is_finite() => out.push_str("null"),
            Self::Number(value) => write_number(out, *value),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                let items = items.iter().map(|item| (None, item));
                write_members(out, depth, ('[', ']'), items);
            }
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (Some(key.as_str()), value));
                write_members(out, depth, ('{', '}'), members);
            }
        }
    }
}

fn write_number(out: &mut String, value: f64) {
    let rounded = (value * 1000.0).round() / 1000.0;
    out.push_str(&rounded.to_string());
}

fn write_members<'a>(
    out: &mut String,
    depth: usize,
    (open, close): (char, char),
    members: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Value)>,
) {
    out.push(open);
    let empty = members.len() == 0;
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, depth + 1);
        if let Some(key) = key {
            write_text(out, key);
            out.push_str(": ");
        }
        value.write(out, depth + 1);
    }
    if !empty {
        new_line(out, depth);
    }
    out.push(close);
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn complain(&self, wanted: &str) -> String {
        format!("not JSON: {wanted} expected at byte {}", self.at)
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space and takes `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.complain("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(self.complain("less nesting"));
        }
        self.space();
        match self.bytes.get(self.at) {
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(self.complain("a value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return Err(self.complain("',' or ']'"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let key = self.text()?;
            if !self.take(b':') {
                return Err(self.complain("':'"));
            }
            members.push((key, self.value(depth + 1)?));
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.complain("',' or '}'"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        while matches!(
            self.bytes.get(self.at),
            Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        ) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        text.parse()
            .map(Value::Number)
            .map_err(|_| self.complain("a number"))
    }

    fn text(&mut self) -> Result<String, String> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.complain("a text"));
        }
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or_else(|| self.complain("the end of a text"))?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                other => out.push(other),
            }
        }
        String::from_utf8(out).map_err(|_| self.complain("UTF-8"))
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = *self
            .bytes
            .get(self.at)
            .ok_or_else(|| self.complain("an escape"))?;
        self.at += 1;
        let c = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(self.complain("an escape")),
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// `\uXXXX`, with surrogate pairs; a lone surrogate becomes U+FFFD.
    fn unicode(&mut self) -> Result<char, String> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) || !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at += 2;
        let low = self.hex4()?;
        let pair = 0x1_0000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
        Ok(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self
            .bytes
            .get(self.at..self.at + 4)
            .and_then(|b| std::str::from_utf8(b).ok());
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        value.ok_or_else(|| self.complain("four hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_reading_and_writing() {
        let text = r#" {"ok":true,"ms":[1,2.5,-3e2],"none":null,"words":"caf\u00e9 \ud83d\ude00 \"x\"\n","empty":{},"list":[]} "#;
        let value = Value::parse(text).unwrap();
        assert_eq!(value.get("ok"), &Value::Bool(true));
        assert_eq!(value.get("ms").items()[2].number(), Some(-300.0));
        assert_eq!(value.get("words").text(), Some("café 😀 \"x\"\n"));
        assert_eq!(value.get("missing"), &Value::Null);
        assert_eq!(Value::parse(&value.pretty()).unwrap(), value);
    }

    #[test]
    fn written_values_look_as_documented() {
        let value = Value::object([
            ("state", "relay_active".into()),
            ("ms", 1234.0.into()),
            ("level_dbfs", f64::NEG_INFINITY.into()),
            ("list", Value::List(vec![0.1234567.into(), false.into()])),
        ]);
        let expected = "{\n  \"state\": \"relay_active\",\n  \"ms\": 1234,\n  \"level_dbfs\": null,\n  \"list\": [\n    0.123,\n    false\n  ]\n}\n";
        assert_eq!(value.pretty(), expected);
    }

    #[test]
    fn broken_json_is_refused_with_its_place() {
        for bad in [
            "",
            "{",
            "[1,",
            "{\"a\" 1}",
            "\"x",
            "tru",
            "[1] 2",
            "\"\\u12\"",
            "{\"a\":}",
            "--1",
            "\"\\q\"",
        ] {
            let error = Value::parse(bad).unwrap_err();
            assert!(error.starts_with("not JSON: "), "{bad:?}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(
            Value::parse(&deep).is_err(),
            "deep nesting must not exhaust the stack"
        );
    }
}
