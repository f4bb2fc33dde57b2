//! What the kernel and we leave to each other.

use rustix::io::Errno;

use crate::Offload;

/// Bits of TUNSETOFFLOAD. `TUN_F_TSO_ECN` is left out: the kernel then cuts what has CWR itself.
const CHECKSUM: u32 = libc::TUN_F_CSUM;
const TCP: u32 = CHECKSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
const UDP: u32 = TCP | libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// Offers to take unfinished frames, with `set` as the way to say so, and gives what the kernel takes from us
/// in return: what it knows the one way, it knows the other.
///
/// Each call replaces what was set before, and one that fails changes nothing. Kernels before 6.2 do not know
/// UDP's bits.
pub(crate) fn negotiate(mut set: impl FnMut(u32) -> Result<(), Errno>) -> Offload {
    if set(TCP).is_ok() {
        let udp_segmentation = set(UDP).is_ok();
        return Offload { checksum: true, tcp_segmentation: true, udp_segmentation };
    }
    if set(CHECKSUM).is_ok() {
        return Offload { checksum: true, ..Offload::default() };
    }
    // Whoever had the interface before may have offered something. A kernel that knows no offer gives none.
    let _ = set(0);
    Offload::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is granted, and what is set in the end, by a kernel that knows these bits.
    fn with_kernel(known: u32) -> (Offload, Option<u32>) {
        let mut state = None;
        let granted = negotiate(|bits| {
            if bits & !known != 0 {
                return Err(Errno::INVAL);
            }
            state = Some(bits);
            Ok(())
        });
        (granted, state)
    }

    #[test]
    fn what_the_kernel_refuses_is_not_relied_on() {
        let checksum = Offload { checksum: true, ..Offload::default() };
        let tcp = Offload { tcp_segmentation: true, ..checksum };
        let udp = Offload { udp_segmentation: true, ..tcp };
        let table = [
            (UDP, udp, UDP),
            (UDP | libc::TUN_F_TSO_ECN, udp, UDP),
            (TCP | libc::TUN_F_UFO, tcp, TCP),
            (TCP | libc::TUN_F_USO4, tcp, TCP),
            (CHECKSUM, checksum, CHECKSUM),
            (0, Offload::default(), 0),
        ];
        for (known, offload, bits) in table {
            assert_eq!(with_kernel(known), (offload, Some(bits)), "{known:#x}");
        }
        assert_eq!(negotiate(|_| Err(Errno::NOTTY)), Offload::default());
    }
}
