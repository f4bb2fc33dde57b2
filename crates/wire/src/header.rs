//! One description of each fixed header, from which everything else follows.
//!
//! `header!` takes the table that an RFC draws (each field with its type, bit range and source) and makes
//! a plain struct with `parse`, `emit` and `FIELDS`. Bits are numbered as in the RFCs' pictures: bit 0 is
//! the most significant bit of the first byte. The macro refuses to compile a table whose fields leave a
//! gap, overlap, or do not fill the header.
//!
//! ```text
//! header! {
//!     /// The UDP header (RFC 768).
//!     pub struct UdpHeader: "UDP header", 8 bytes {
//!         /// The sender's port.
//!         source_port: u16 = 0..16, "RFC 768";
//!         …
//!     }
//! }
//! ```

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::EthernetAddress;

/// One field of a fixed header: where it is, what it means, and who says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name, as the struct spells it.
    pub name: &'static str,
    /// Its first bit, counted from the header's most significant bit.
    pub start: usize,
    /// The bit after its last.
    pub end: usize,
    /// How its bits are to be read.
    pub kind: FieldKind,
    /// RFC (or IEEE standard) and section that define it.
    pub reference: &'static str,
    /// What it means, in a sentence or two (Markdown).
    pub description: &'static str,
}

/// How the bits of a [`Field`] are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// An unsigned number, most significant bit first.
    Number,
    /// One bit: set or not.
    Flag,
    /// A 48-bit Ethernet address.
    Ethernet,
    /// A 32-bit IPv4 address.
    Ipv4,
    /// A 128-bit IPv6 address.
    Ipv6,
}

/// The value that a [`Field`] has in certain bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// An unsigned number.
    Number(u64),
    /// Set or not.
    Flag(bool),
    /// An Ethernet address.
    Ethernet(EthernetAddress),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
}

impl fmt::Display for FieldValue {
    /// Numbers in decimal, flags as `0` or `1`, addresses in their own notation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::Number(number) => fmt::Display::fmt(number, f),
            FieldValue::Flag(flag) => fmt::Display::fmt(&u8::from(*flag), f),
            FieldValue::Ethernet(address) => fmt::Display::fmt(address, f),
            FieldValue::Ipv4(address) => fmt::Display::fmt(address, f),
            FieldValue::Ipv6(address) => fmt::Display::fmt(address, f),
        }
    }
}

impl Field {
    /// Number of bits.
    pub const fn bit_len(&self) -> usize {
        self.end - self.start
    }

    /// Reads the field from `header`, the bytes from the header's first on; `None` when they end before
    /// the field does.
    pub fn value(&self, header: &[u8]) -> Option<FieldValue> {
        let covering = header.get(self.start / 8..self.end.div_ceil(8))?;
        Some(match self.kind {
            FieldKind::Number => FieldValue::Number(number(covering, self.start % 8, self.bit_len())),
            FieldKind::Flag => FieldValue::Flag(number(covering, self.start % 8, 1) == 1),
            FieldKind::Ethernet => FieldValue::Ethernet(EthernetAddress(*covering.first_chunk()?)),
            FieldKind::Ipv4 => FieldValue::Ipv4(Ipv4Addr::from(*covering.first_chunk::<4>()?)),
            FieldKind::Ipv6 => FieldValue::Ipv6(Ipv6Addr::from(*covering.first_chunk::<16>()?)),
        })
    }
}

/// The number of `len` bits that begins `skip` bits (less than 8) into `covering`.
fn number(covering: &[u8], skip: usize, len: usize) -> u64 {
    let whole = covering.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let behind = covering.len() * 8 - skip - len;
    (whole >> behind) & (u64::MAX >> (64 - len))
}

/// Whether `fields` fill `bytes` bytes in order, without gap or overlap. Evaluated at compile time.
pub(crate) const fn tiles(fields: &[Field], bytes: usize) -> bool {
    let mut at = 0;
    let mut i = 0;
    while i < fields.len() {
        if fields[i].start != at || fields[i].end <= at {
            return false;
        }
        at = fields[i].end;
        i += 1;
    }
    at == bytes * 8
}

/// A type that a header's field can have.
///
/// The bit range is a constant, so a read of an aligned field compiles to a load and a byte swap.
pub(crate) trait FieldType: Sized {
    const KIND: FieldKind;
    fn read<const START: usize, const END: usize, const N: usize>(header: &[u8; N]) -> Self;
    /// Sets the field's bits in a header whose bits there are zero.
    fn write<const START: usize, const END: usize, const N: usize>(&self, header: &mut [u8; N]);
}

macro_rules! number_field {
    ($($ty:ty),*) => {$(
        impl FieldType for $ty {
            const KIND: FieldKind = FieldKind::Number;

            #[inline(always)]
            fn read<const START: usize, const END: usize, const N: usize>(header: &[u8; N]) -> Self {
                const { assert!(END - START <= <$ty>::BITS as usize, "the type is too small for the bits") };
                let first = START / 8;
                match (START % 8, END - START) {
                    // Spelled out, as a load and a byte swap is what these must become.
                    (0, 16) => return u16::from_be_bytes([header[first], header[first + 1]]) as $ty,
                    (0, 32) => {
                        let word = [header[first], header[first + 1], header[first + 2], header[first + 3]];
                        return u32::from_be_bytes(word) as $ty;
                    }
                    _ => {}
                }
                let mut whole = 0u64;
                let mut i = first;
                while i < END.div_ceil(8) {
                    whole = whole << 8 | header[i] as u64;
                    i += 1;
                }
                (whole >> (END.div_ceil(8) * 8 - END) & (u64::MAX >> (64 - (END - START)))) as $ty
            }

            #[inline(always)]
            fn write<const START: usize, const END: usize, const N: usize>(&self, header: &mut [u8; N]) {
                let mask = u64::MAX >> (64 - (END - START));
                debug_assert!(*self as u64 <= mask, "the value does not fit the field's bits");
                let first = START / 8;
                match (START % 8, END - START) {
                    // Spelled out, as a byte swap and a store is what these must become.
                    (0, 8) => return header[first] = *self as u8,
                    (0, 16) => return header[first..first + 2].copy_from_slice(&(*self as u16).to_be_bytes()),
                    (0, 32) => return header[first..first + 4].copy_from_slice(&(*self as u32).to_be_bytes()),
                    _ => {}
                }
                let mut whole = (*self as u64 & mask) << (END.div_ceil(8) * 8 - END);
                let mut i = END.div_ceil(8);
                while i > START / 8 {
                    i -= 1;
                    header[i] |= whole as u8;
                    whole >>= 8;
                }
            }
        }
    )*};
}
number_field!(u8, u16, u32);

impl FieldType for bool {
    const KIND: FieldKind = FieldKind::Flag;

    #[inline(always)]
    fn read<const START: usize, const END: usize, const N: usize>(header: &[u8; N]) -> Self {
        const { assert!(END - START == 1, "a flag is one bit") };
        header[START / 8] & (0x80 >> (START % 8)) != 0
    }

    #[inline(always)]
    fn write<const START: usize, const END: usize, const N: usize>(&self, header: &mut [u8; N]) {
        header[START / 8] |= (*self as u8) << (7 - START % 8);
    }
}

macro_rules! address_field {
    ($($ty:ty, $kind:ident, $len:literal, $address:ident => $octets:expr;)*) => {$(
        impl FieldType for $ty {
            const KIND: FieldKind = FieldKind::$kind;

            #[inline(always)]
            fn read<const START: usize, const END: usize, const N: usize>(header: &[u8; N]) -> Self {
                const { assert!(START % 8 == 0 && END - START == $len * 8, "an address fills whole bytes") };
                let mut octets = [0; $len];
                octets.copy_from_slice(&header[START / 8..END / 8]);
                <$ty>::from(octets)
            }

            #[inline(always)]
            fn write<const START: usize, const END: usize, const N: usize>(&self, header: &mut [u8; N]) {
                let $address = self;
                header[START / 8..END / 8].copy_from_slice(&$octets);
            }
        }
    )*};
}
address_field! {
    EthernetAddress, Ethernet, 6, address => address.0;
    Ipv4Addr, Ipv4, 4, address => address.octets();
    Ipv6Addr, Ipv6, 16, address => address.octets();
}

/// Describes one fixed header; see the [module](self).
macro_rules! header {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident: $what:literal, $len:literal bytes {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $ty:ty = $start:literal .. $end:literal, $reference:literal;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        $vis struct $name {
            $( $(#[doc = $doc])+ pub $field: $ty, )+
        }

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            /// Every field in order of its bits, without gap or overlap.
            pub const FIELDS: &'static [$crate::header::Field] = &[$(
                $crate::header::Field {
                    name: stringify!($field),
                    start: $start,
                    end: $end,
                    kind: <$ty as $crate::header::FieldType>::KIND,
                    reference: $reference,
                    description: concat!($($doc),+).trim_ascii(),
                },
            )+];
            const TILED: () = assert!(
                $crate::header::tiles(Self::FIELDS, $len),
                "the fields leave a gap, overlap, or do not fill the header"
            );

            /// The description of the field called `name`.
            pub fn field(name: &str) -> Option<&'static $crate::header::Field> {
                Self::FIELDS.iter().find(|field| field.name == name)
            }

            /// Reads the header from the front of `bytes`.
            ///
            /// # Errors
            /// `Truncated` when there are fewer than [`LEN`](Self::LEN) bytes.
            #[inline]
            pub fn parse(bytes: &[u8]) -> Result<Self, $crate::ParseError> {
                match bytes.first_chunk() {
                    Some(header) => Ok(Self::from_bytes(header)),
                    None => Err(Self::truncated(bytes)),
                }
            }

            /// The error of bytes that end inside the header.
            #[cold]
            pub(crate) fn truncated(bytes: &[u8]) -> $crate::ParseError {
                $crate::ParseError::Truncated { what: $what, needed: $len, available: bytes.len() }
            }

            /// Reads the header from exactly its bytes.
            #[inline]
            pub fn from_bytes(header: &[u8; $len]) -> Self {
                const { Self::TILED };
                Self { $( $field: <$ty as $crate::header::FieldType>::read::<$start, $end, $len>(header), )+ }
            }

            /// The header's bytes. A number too large for its bits loses its upper ones.
            #[inline]
            pub fn to_bytes(&self) -> [u8; $len] {
                let mut header = [0; $len];
                $( <$ty as $crate::header::FieldType>::write::<$start, $end, $len>(&self.$field, &mut header); )+
                header
            }

            /// Length in bytes, as of every header.
            #[inline]
            pub const fn header_len(&self) -> usize {
                $len
            }

            /// Writes the header to the first [`LEN`](Self::LEN) bytes of `out`.
            ///
            /// # Panics
            /// When `out` is shorter.
            #[inline]
            pub fn emit(&self, out: &mut [u8]) {
                // In place: to read an array as a whole that was just written in parts makes the processor wait.
                let Some(header) = out.first_chunk_mut() else { panic!("{} bytes of room", out.len()) };
                *header = [0; $len];
                $( <$ty as $crate::header::FieldType>::write::<$start, $end, $len>(&self.$field, header); )+
            }
        }
    };
}
pub(crate) use header;
