//! Takes a frame apart: which headers it nests, and what each says.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use fathom_record::Layer;
use fathom_wire::Field;

use crate::application::OpenRecord;
use crate::{internet, link};

mod streams;

pub use streams::Streams;

/// What the frames of an interface begin with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LinkType {
    /// An Ethernet II header.
    #[default]
    Ethernet,
    /// An IP header of either version.
    Raw,
}

/// A frame taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dissection {
    /// Its headers, the outermost first.
    pub headers: Vec<Header>,
    /// Why what follows the last header was not taken apart, if something is wrong with it.
    pub problem: Option<String>,
}

/// One header, or one message of the application layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The layer it belongs to.
    pub layer: Layer,
    /// Short name of the protocol: `eth`, `ip4`, `tcp`, `tls`.
    pub name: &'static str,
    /// Its bytes in the frame, without what it carries.
    pub range: Range<usize>,
    /// What it says, in one line.
    pub summary: String,
    /// Everything it says, in the order of its bits.
    pub fields: Vec<FieldView>,
}

/// One field of a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldView {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its bits, counted from the first bit of the header.
    pub bits: Range<usize>,
    /// Its value, for a person to read.
    pub value: String,
    /// RFC and section that define it.
    pub reference: &'static str,
    /// What it means.
    pub description: &'static str,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.summary)
    }
}

/// Takes `frame` apart. Any bytes will do: what makes no sense ends the list of headers, with a
/// [`problem`](Dissection::problem).
///
/// Above UDP and TCP it looks at this frame alone: DNS messages, TLS records and HTTP that begin in it.
/// [`Streams`] knows more.
pub fn dissect(frame: &[u8], link_type: LinkType) -> Dissection {
    take_apart(frame, link_type, OpenRecord::default()).0
}

/// As [`dissect`], in the middle of a record; gives the one that the frame leaves open.
fn take_apart(frame: &[u8], link_type: LinkType, record: OpenRecord) -> (Dissection, OpenRecord) {
    let mut view = View { frame, dissection: Dissection::default(), record };
    match link_type {
        LinkType::Ethernet => link::ethernet(&mut view),
        LinkType::Raw => internet::packet(&mut view, 0..frame.len()),
    }
    (view.dissection, view.record)
}

/// A frame while it is being taken apart. All ranges are of the whole frame.
pub(crate) struct View<'a> {
    frame: &'a [u8],
    dissection: Dissection,
    /// The TLS record that the stream is in the middle of.
    pub(crate) record: OpenRecord,
}

impl<'a> View<'a> {
    /// The bytes of the frame in a range; empty if the frame has no such range.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.frame.get(range).unwrap_or_default()
    }

    /// Bytes of the frame.
    pub(crate) fn len(&self) -> usize {
        self.frame.len()
    }

    /// Adds a header.
    pub(crate) fn header(
        &mut self,
        layer: Layer,
        name: &'static str,
        range: Range<usize>,
        summary: String,
        fields: Vec<FieldView>,
    ) {
        debug_assert!(range.end <= self.frame.len(), "{name} at {range:?} is inside the frame");
        self.dissection.headers.push(Header { layer, name, range, summary, fields });
    }

    /// Says why the rest is not taken apart.
    pub(crate) fn problem(&mut self, problem: impl fmt::Display) {
        self.dissection.problem.get_or_insert(problem.to_string());
    }
}

/// The fields of a header by its description; those that the bytes end before are left out.
pub(crate) fn fields(table: &'static [Field], header: &[u8]) -> Vec<FieldView> {
    table.iter().filter_map(|field| view(field, header, Cow::Borrowed(field.name), 0)).collect()
}

/// The fields of an option by its description, named `option.field`; it begins `offset` bytes behind the
/// first byte of its header.
pub(crate) fn option_fields(
    table: &'static [Field],
    option: &[u8],
    name: &str,
    offset: usize,
) -> impl Iterator<Item = FieldView> {
    table
        .iter()
        .filter_map(move |field| view(field, option, Cow::Owned(format!("{name}.{}", field.name)), offset))
}

fn view(field: &Field, bytes: &[u8], name: Cow<'static, str>, offset: usize) -> Option<FieldView> {
    Some(FieldView {
        name,
        bits: offset * 8 + field.start..offset * 8 + field.end,
        value: field.value(bytes)?.to_string(),
        reference: field.reference,
        description: field.description,
    })
}

/// A field that no description has, such as an option: whole bytes, counted from the header's first.
pub(crate) fn field(
    name: impl Into<Cow<'static, str>>,
    bytes: Range<usize>,
    value: String,
    reference: &'static str,
) -> FieldView {
    FieldView { name: name.into(), bits: bytes.start * 8..bytes.end * 8, value, reference, description: "" }
}

#[cfg(test)]
mod tests;
