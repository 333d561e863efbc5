//! Lists in pages: `MaxItems` and `Marker` in, `IsTruncated` and `Marker` out.

use crate::error::ApiError;
use crate::protocol::query::Form;
use crate::protocol::xml::Xml;

const DEFAULT_ITEMS: u32 = 100;
const MAX_ITEMS: u32 = 1_000;

/// A part of a list.
pub(super) struct ListPage<T> {
    pub(super) items: Vec<T>,
    marker: Option<String>,
}

impl<T> ListPage<T> {
    /// Cuts the page asked for out of `items`, which are in the order of `key`.
    pub(super) fn cut(
        form: &Form,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Self, ApiError> {
        let limit = form
            .number("MaxItems")?
            .unwrap_or(DEFAULT_ITEMS)
            .clamp(1, MAX_ITEMS) as usize;
        let after = form.get("Marker");
        let mut rest = items
            .into_iter()
            .filter(|item| after.is_none_or(|after| key(item).as_str() > after));
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let marker = items.last().filter(|_| more).map(key);
        Ok(Self { items, marker })
    }

    /// Writes the list with what says whether there is more.
    pub(super) fn write(self, xml: &mut Xml, name: &str, mut member: impl FnMut(&mut Xml, T)) {
        xml.element(name, |xml| {
            for item in self.items {
                xml.element("member", |xml| member(xml, item));
            }
        });
        write_truncation(xml, self.marker.as_deref());
    }
}

impl ListPage<String> {
    /// Writes a list of plain texts.
    pub(super) fn write_texts(self, xml: &mut Xml, name: &str) {
        xml.element(name, |xml| {
            for item in &self.items {
                xml.text("member", item);
            }
        });
        write_truncation(xml, self.marker.as_deref());
    }
}

fn write_truncation(xml: &mut Xml, marker: Option<&str>) {
    xml.text(
        "IsTruncated",
        if marker.is_some() { "true" } else { "false" },
    );
    xml.optional("Marker", marker);
}
