//! Why bytes are not the header they claim to be.

/// Why bytes could not be parsed. `what` names the header or option, as in "IPv4 header".
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// The bytes end before the header (or what its length fields promise) does.
    #[error("{what} is truncated: needs {needed} bytes, has {available}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes it takes, as far as known at this point.
        needed: usize,
        /// Bytes that were there.
        available: usize,
    },
    /// A field has a value that the protocol does not allow.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The checksum does not match the bytes.
    #[error("{what} has a wrong checksum")]
    Checksum {
        /// What was being read.
        what: &'static str,
    },
}

impl ParseError {
    pub(crate) const fn malformed(what: &'static str, why: &'static str) -> Self {
        ParseError::Malformed { what, why }
    }

    /// `Ok` when `available` bytes suffice for the `needed` ones.
    #[inline]
    pub(crate) const fn check_len(
        what: &'static str,
        needed: usize,
        available: usize,
    ) -> Result<(), ParseError> {
        if available < needed { Err(ParseError::Truncated { what, needed, available }) } else { Ok(()) }
    }
}
