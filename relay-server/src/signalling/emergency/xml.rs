//! Just enough XML to write what others defined.

use quick_xml::escape::escape;

/// An element with its attributes and either text or children.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// An element that holds text.
    pub(super) fn of(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::new(name)
        }
    }

    pub(super) fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The whole document in UTF-8.
    pub(super) fn document(&self) -> Vec<u8> {
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
