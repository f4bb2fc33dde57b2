//! `SOL_RAW` and `SOL_ICMPV6`: which messages of ICMP a raw socket gets.

use fathom_stack::{Family, TypeFilter};

use super::from_int;
use crate::consts::*;
use crate::file::Fd;
use crate::{Errno, Kernel, Result};

/// `struct icmp_filter`: a bit for each of the first 32 types.
const FILTER: usize = 4;
/// `struct icmp6_filter`: a bit for each type.
const FILTER6: usize = 32;

impl Kernel {
    /// Which filter it is: of ICMP or of ICMPv6.
    fn filter_family(&mut self, fd: Fd, level: i32, name: i32) -> Result<Family> {
        let protocol = self.raw_socket(fd)?.protocol;
        match (level, name, protocol) {
            (SOL_RAW, ICMP_FILTER, IPPROTO_ICMP) => Ok(Family::V4),
            (SOL_RAW, ICMP_FILTER, _) => Err(Errno::EOPNOTSUPP),
            (SOL_ICMPV6, ICMPV6_FILTER, IPPROTO_ICMPV6) => Ok(Family::V6),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// A bit that is set keeps messages of its type away.
    pub(super) fn set_raw_option(&mut self, fd: Fd, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let len = match self.filter_family(fd, level, name)? {
            Family::V4 => FILTER,
            Family::V6 => FILTER6,
        };
        // Types beyond what the program says pass.
        let blocked = |kind: u8| {
            let (byte, bit) = (usize::from(kind / 8), kind % 8);
            byte < len && value.get(byte).is_some_and(|byte| byte >> bit & 1 == 1)
        };
        if value.is_empty() {
            return Err(Errno::EINVAL);
        }
        let passes: Vec<u8> = (0..=u8::MAX).filter(|kind| !blocked(*kind)).collect();
        self.change_raw(fd, |options| options.icmp_types = TypeFilter::only(&passes))
    }

    pub(super) fn raw_option(&mut self, fd: Fd, level: i32, name: i32) -> Result<Vec<u8>> {
        let len = match self.filter_family(fd, level, name)? {
            Family::V4 => FILTER,
            Family::V6 => FILTER6,
        };
        let types = self.raw_socket(fd)?.options.icmp_types;
        let mut bytes = vec![0u8; len];
        for kind in (0..len as u16 * 8).map(|kind| kind as u8).filter(|kind| !types.passes(*kind)) {
            bytes[usize::from(kind / 8)] |= 1 << (kind % 8);
        }
        Ok(bytes)
    }

    /// `IPV6_CHECKSUM`: where in a packet its checksum is filled in. Only of ICMPv6, where it must be.
    pub(super) fn checksum_offset(&self, fd: Fd) -> Result<Vec<u8>> {
        let socket = self.files.socket(fd)?;
        match &socket.kind {
            crate::file::Kind::Raw(raw) => Ok(from_int(if raw.protocol == IPPROTO_ICMPV6 { 2 } else { -1 })),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}
