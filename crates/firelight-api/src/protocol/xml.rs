//! A writer of small XML documents.

use std::fmt::Write as _;

/// An XML document in the making.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Begins a document with its declaration.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Writes an element that holds text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "<{name}>");
        self.escaped(value);
        let _ = write!(self.0, "</{name}>");
    }

    /// Writes an element that holds text, if there is any.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Writes an element around what `fill` writes.
    pub(crate) fn element(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name}>");
        fill(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// Writes the outermost element, which names the namespace.
    pub(crate) fn root(&mut self, name: &str, namespace: &str, fill: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name} xmlns=\"{namespace}\">");
        fill(self);
        let _ = write!(self.0, "</{name}>");
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\r' => self.0.push_str("&#xD;"),
                // XML 1.0 has no form for other control characters, not even escaped.
                c if c < ' ' && c != '\n' && c != '\t' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_element() {
        let mut xml = Xml::default();

        xml.element("a", |xml| xml.text("b", "</b>&\"\u{0}"));

        assert_eq!(
            xml.into_string(),
            "<a><b>&lt;/b&gt;&amp;&quot;\u{fffd}</b></a>"
        );
    }
}
