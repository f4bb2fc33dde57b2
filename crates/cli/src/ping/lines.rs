//! The lines of ping, in the words of iputils.

use std::net::IpAddr;
use std::time::Duration;

use fathom_net::IcmpErrorKind;

/// Who is asked: an address, and the name it was found by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    /// What the user wrote.
    pub(super) host: String,
    /// Its address.
    pub(super) address: IpAddr,
    /// Whether names are left out.
    pub(super) numeric: bool,
}

impl Target {
    /// The first line.
    pub(super) fn banner(&self, size: u16) -> String {
        let Target { host, address, .. } = self;
        match address {
            // With the headers of ICMP (8 bytes) and of IPv4 (20 bytes).
            IpAddr::V4(_) => {
                format!("PING {host} ({address}) {size}({}) bytes of data.\n", u32::from(size) + 28)
            }
            IpAddr::V6(_) => format!("PING {host} ({address}) {size} data bytes\n"),
        }
    }

    /// `192.0.2.1`, or `example.com (192.0.2.1)` when the name is known and wanted.
    pub(super) fn name_of(&self, from: IpAddr) -> String {
        let named = !self.numeric && from == self.address && self.host.parse::<IpAddr>().is_err();
        if named { format!("{} ({from})", self.host) } else { from.to_string() }
    }
}

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    /// Bytes of ICMP header and data.
    pub(super) len: usize,
    /// From whom, as to be shown.
    pub(super) from: String,
    /// The number of the request.
    pub(super) number: u64,
    /// The hop limit with which it arrived.
    pub(super) hop_limit: u8,
    /// The time that it took.
    pub(super) time: Duration,
    /// Whether it came before.
    pub(super) duplicate: bool,
}

impl Reply {
    /// `64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=20.1 ms`
    pub(super) fn line(&self) -> String {
        let Reply { len, from, number, hop_limit, time, duplicate } = self;
        let repeated = if *duplicate { " (DUP!)" } else { "" };
        // The field of the header has 16 bits, and ping shows the field.
        let sequence = *number as u16;
        format!(
            "{len} bytes from {from}: icmp_seq={sequence} ttl={hop_limit} time={} ms{repeated}\n",
            millis(*time)
        )
    }
}

/// `From 192.0.2.1 icmp_seq=1 Destination Host Unreachable`
pub(super) fn error(from: &str, number: u64, kind: IcmpErrorKind, v6: bool) -> String {
    format!("From {from} icmp_seq={} {}\n", number as u16, words(kind, v6))
}

/// The words that iputils has for errors, which differ by family.
fn words(kind: IcmpErrorKind, v6: bool) -> String {
    let (v4_words, v6_words) = match kind {
        IcmpErrorKind::NetworkUnreachable => {
            ("Destination Net Unreachable", "Destination unreachable: No route")
        }
        IcmpErrorKind::HostUnreachable => {
            ("Destination Host Unreachable", "Destination unreachable: Address unreachable")
        }
        IcmpErrorKind::ProtocolUnreachable => {
            ("Destination Protocol Unreachable", "Parameter problem: Unknown header")
        }
        IcmpErrorKind::PortUnreachable => {
            ("Destination Port Unreachable", "Destination unreachable: Port unreachable")
        }
        IcmpErrorKind::Prohibited => {
            ("Packet filtered", "Destination unreachable: Administratively prohibited")
        }
        IcmpErrorKind::PacketTooBig { mtu } if v6 => return format!("Packet too big: mtu={mtu}"),
        IcmpErrorKind::PacketTooBig { mtu } => return format!("Frag needed and DF set (mtu = {mtu})"),
        IcmpErrorKind::HopLimitExceeded => ("Time to live exceeded", "Time exceeded: Hop limit"),
        IcmpErrorKind::ReassemblyTimeout => {
            ("Frag reassembly time exceeded", "Time exceeded: Defragmentation failure")
        }
        IcmpErrorKind::ParameterProblem => ("Parameter problem", "Parameter problem: Wrong header field"),
    };
    if v6 { v6_words } else { v4_words }.into()
}

/// A time in milliseconds with the digits that ping gives it: at least three in all.
fn millis(time: Duration) -> String {
    // Rounded to microseconds, then to the digit shown, as ping does it.
    let micros = (time.as_nanos() + 500) / 1000;
    match micros {
        0..1_000 => format!("0.{micros:03}"),
        1_000..9_995 => format!("{}.{:02}", (micros + 5) / 1000, (micros + 5) % 1000 / 10),
        9_995..99_950 => format!("{}.{}", (micros + 50) / 1000, (micros + 50) % 1000 / 100),
        99_950.. => ((micros + 500) / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, address: &str) -> Target {
        Target { host: host.into(), address: address.parse().unwrap(), numeric: false }
    }

    #[test]
    fn the_first_line_tells_bytes_as_ping_does() {
        assert_eq!(
            target("example.com", "192.0.2.1").banner(56),
            "PING example.com (192.0.2.1) 56(84) bytes of data.\n"
        );
        assert_eq!(target("::1", "::1").banner(8), "PING ::1 (::1) 8 data bytes\n");
        assert!(target("h", "192.0.2.1").banner(65_507).contains("65507(65535)"));
    }

    #[test]
    fn a_reply_names_its_sender_where_the_name_is_known() {
        let named = target("example.com", "192.0.2.1");
        let other: IpAddr = "192.0.2.9".parse().unwrap();
        assert_eq!(named.name_of(named.address), "example.com (192.0.2.1)");
        assert_eq!(named.name_of(other), "192.0.2.9");
        assert_eq!(target("192.0.2.1", "192.0.2.1").name_of(named.address), "192.0.2.1");
        let numeric = Target { numeric: true, ..named };
        assert_eq!(numeric.name_of(numeric.address), "192.0.2.1");
    }

    #[test]
    fn a_reply_is_a_line() {
        let mut reply = Reply {
            len: 64,
            from: "192.0.2.1".into(),
            number: 65_537,
            hop_limit: 63,
            time: Duration::from_micros(20_123),
            duplicate: false,
        };
        assert_eq!(reply.line(), "64 bytes from 192.0.2.1: icmp_seq=1 ttl=63 time=20.1 ms\n");
        reply.duplicate = true;
        assert!(reply.line().ends_with("time=20.1 ms (DUP!)\n"));
    }

    #[test]
    fn times_have_three_digits() {
        for (micros, text) in [
            (0, "0.000"),
            (43, "0.043"),
            (999, "0.999"),
            (1_000, "1.00"),
            (1_236, "1.24"),
            (9_994, "9.99"),
            (9_995, "10.0"),
            (20_149, "20.1"),
            (20_150, "20.2"),
            (99_949, "99.9"),
            (99_950, "100"),
            (1_234_500, "1235"),
        ] {
            assert_eq!(millis(Duration::from_micros(micros)), text, "{micros}");
        }
    }

    #[test]
    fn errors_have_the_words_of_their_family() {
        use IcmpErrorKind::*;
        assert_eq!(
            error("192.0.2.1", 1, HostUnreachable, false),
            "From 192.0.2.1 icmp_seq=1 Destination Host Unreachable\n"
        );
        assert_eq!(error("a", 2, HopLimitExceeded, false), "From a icmp_seq=2 Time to live exceeded\n");
        assert_eq!(error("a", 2, HopLimitExceeded, true), "From a icmp_seq=2 Time exceeded: Hop limit\n");
        assert_eq!(
            error("a", 3, PacketTooBig { mtu: 1280 }, true),
            "From a icmp_seq=3 Packet too big: mtu=1280\n"
        );
    }
}
