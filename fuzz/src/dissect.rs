//! Frames taken apart for people.

use fathom_lens::{Dissection, LinkType, dissect as take_apart};

/// Any frame, of either link type.
pub(crate) fn dissect(frame: &[u8]) {
    for link_type in [LinkType::Ethernet, LinkType::Raw] {
        nested(&take_apart(frame, link_type), frame);
    }
}

/// Headers lie within the frame and follow each other, and their fields lie within them.
fn nested(dissection: &Dissection, frame: &[u8]) {
    let mut end = 0;
    for header in &dissection.headers {
        assert!(header.range.end <= frame.len(), "{} at {:?}", header.name, header.range);
        assert!(header.range.start >= end, "{} begins within what is before it", header.name);
        end = header.range.end;
        for field in &header.fields {
            let bits = header.range.len() * 8;
            assert!(field.bits.end <= bits, "{} of {} at {:?}", field.name, header.name, field.bits);
        }
    }
}
