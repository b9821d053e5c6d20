//! Just enough XML to write what others defined.

use quick_xml::escape::escape;

/// An element with its attributes and either text or children.
#[derive(Debug)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An element without anything in it, by its name with its prefix.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// An element that holds text.
    #[must_use]
    pub fn of(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::new(name)
        }
    }

    /// The same element with one more attribute.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// The same element with one more child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The same element with all of these as further children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The whole document in UTF-8, with this element as its root.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n");
        self.write(&mut out);
        out.push_str("\r\n");
        out.into_bytes()
    }

    /// Without any space between elements: some readers take it for text.
    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            let value = legal(value);
            out.extend([" ", name, "=\"", &escape(value.as_str()), "\""]);
        }
        out.push('>');
        out.push_str(&escape(legal(&self.text).as_str()));
        for child in &self.children {
            child.write(out);
        }
        out.extend(["</", self.name, ">"]);
    }
}

/// What XML 1.0 cannot hold even when it is escaped (section 2.2) becomes a replacement character:
/// a call taker then still reads the rest.
fn legal(text: &str) -> String {
    let is_legal = |sign: char| matches!(sign, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let signs = text.chars();
    signs
        .map(|sign| if is_legal(sign) { sign } else { '\u{fffd}' })
        .collect()
}
