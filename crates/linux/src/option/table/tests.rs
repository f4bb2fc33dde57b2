use super::*;
use crate::tests::kernel;
use crate::{Errno, Fd, Kernel, SETTINGS};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/capi.md");

/// A host with sockets on which the options of `level` are looked at.
fn sockets(level: i32) -> (Kernel, Vec<Fd>) {
    let mut kernel = kernel("address=192.0.2.1/24; address=2001:db8::1/64");
    let v6 = matches!(level, SOL_IPV6 | SOL_ICMPV6);
    let domain = if v6 { AF_INET6 } else { AF_INET };
    let icmp = if v6 { IPPROTO_ICMPV6 } else { IPPROTO_ICMP };
    let raw = if matches!(level, SOL_RAW | SOL_ICMPV6) { icmp } else { 253 };
    let kinds = [(SOCK_STREAM, 0), (SOCK_DGRAM, 0), (SOCK_DGRAM, icmp), (SOCK_RAW, raw)];
    let fds = kinds.map(|(kind, protocol)| kernel.socket(domain, kind, protocol).unwrap());
    (kernel, fds.to_vec())
}

#[test]
fn every_option_does_what_the_table_says() {
    for option in OPTIONS {
        let (mut kernel, fds) = sockets(option.level);
        let &SocketOption { level, number, name, sockets, status, .. } = option;
        let mut seen = 0;
        for fd in fds {
            let kind = Sockets::of(&kernel.files.socket(fd).unwrap().kind);
            if !sockets.contains(kind) {
                continue;
            }
            seen += 1;
            let mut value = [0; 256];
            let got = kernel.getsockopt(fd, level, number, &mut value);
            let value = &value[..got.unwrap_or(4)];
            let place = format!("{name} of {}", kind.names());
            let again = kernel.setsockopt(fd, level, number, value);
            match status {
                Status::Works => assert_eq!((got.map(|_| ()), again), (Ok(()), Ok(())), "{place}"),
                Status::Told => {
                    assert_eq!((got.map(|_| ()), again.is_err()), (Ok(()), true), "{place}");
                }
                Status::ToldOfConnected => {
                    assert_eq!((got, again.is_err()), (Err(Errno::ENOTCONN), true), "{place}");
                }
                Status::Set => {
                    assert_eq!(got, Err(Errno::ENOPROTOOPT), "{place}");
                    assert_ne!(again, Err(Errno::ENOPROTOOPT), "{place}");
                }
                Status::Only(only) => {
                    assert_eq!(kernel.getsockopt_int(fd, level, number), Ok(only), "{place}");
                    assert_eq!(kernel.setsockopt_int(fd, level, number, only), Ok(()), "{place}");
                    let other = kernel.setsockopt_int(fd, level, number, only + 1);
                    assert_eq!(other, Err(Errno::EOPNOTSUPP), "{place}");
                }
                Status::NotThere => {
                    assert_eq!((got, again), (Err(Errno::ENOPROTOOPT), Err(Errno::ENOPROTOOPT)), "{place}");
                }
            }
        }
        assert!(seen > 0, "{name} is of some socket");
    }
}

#[test]
fn an_option_that_is_a_switch_keeps_its_position() {
    let switches = [
        (SOL_SOCKET, &[SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST][..]),
        (SOL_TCP, &[TCP_NODELAY, TCP_CORK, TCP_INQ]),
        (SOL_UDP, &[UDP_CORK, UDP_GRO]),
        (SOL_IP, &[IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVERR, IP_MULTICAST_LOOP, IP_MULTICAST_ALL]),
        (SOL_IPV6, &[IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_RECVERR]),
    ];
    for (level, names) in switches {
        for name in names {
            let (mut kernel, fds) = sockets(level);
            let fd = if level == SOL_TCP { fds[0] } else { fds[1] };
            for position in [1, 0] {
                assert_eq!(kernel.setsockopt_int(fd, level, *name, position), Ok(()), "{level} {name}");
                assert_eq!(kernel.getsockopt_int(fd, level, *name), Ok(position), "{level} {name}");
            }
        }
    }
}

#[test]
fn what_would_do_nothing_is_refused() {
    let (mut kernel, fds) = sockets(SOL_IP);
    let (tcp, icmp) = (fds[0], fds[2]);
    for (fd, level, name) in [
        (tcp, SOL_SOCKET, SO_TIMESTAMP),
        (tcp, SOL_IP, IP_PKTINFO),
        (tcp, SOL_IP, IP_RECVERR),
        (icmp, SOL_IP, IP_PKTINFO),
        (icmp, SOL_IP, IP_TOS),
        (icmp, SOL_SOCKET, SO_RXQ_OVFL),
    ] {
        assert_eq!(kernel.setsockopt_int(fd, level, name, 4), Err(Errno::EOPNOTSUPP), "{level} {name}");
        assert_eq!(kernel.setsockopt_int(fd, level, name, 0), Ok(()), "{level} {name}");
    }
}

#[test]
fn a_value_that_is_too_short_is_refused_and_one_that_is_long_is_cut() {
    for option in OPTIONS.iter().filter(|option| option.status == Status::Works) {
        let (mut kernel, fds) = sockets(option.level);
        let fd = *fds
            .iter()
            .find(|fd| option.sockets.contains(Sockets::of(&kernel.files.socket(**fd).unwrap().kind)))
            .unwrap();
        // An interface may have no name, and to IP nothing is 0.
        let may_be_empty = option.name == "SO_BINDTODEVICE" || option.level == SOL_IP;
        if !may_be_empty {
            let empty = kernel.setsockopt(fd, option.level, option.number, &[]);
            assert_eq!(empty, Err(Errno::EINVAL), "{}", option.name);
        }
        let mut one = [0xee; 1];
        let len = kernel.getsockopt(fd, option.level, option.number, &mut one).unwrap();
        assert!(len <= 1, "{}", option.name);
        assert_eq!(kernel.setsockopt(fd, option.level, option.number, &[0; 5000]), Err(Errno::EINVAL));
    }
}

#[test]
fn every_option_that_has_a_constant_is_in_the_table() {
    let groups = [
        ("socket_level_options", SOL_SOCKET),
        ("tcp_options", SOL_TCP),
        ("udp_options", SOL_UDP),
        ("ip_options", SOL_IP),
        ("ipv6_options", SOL_IPV6),
    ];
    for (group, level) in groups {
        let named = ALL_NAMES.iter().filter(|(of, _)| *of == group);
        let missing: Vec<&str> = named
            .map(|(_, name)| *name)
            .filter(|name| !OPTIONS.iter().any(|option| option.level == level && option.name == *name))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{group}");
    }
}

/// The rows of a table, as the document has them.
fn rows() -> Vec<String> {
    let settings = SETTINGS.iter().map(|setting| {
        let default =
            if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
        format!("| `{}` | {default} | {} | {} |", setting.name, setting.values, setting.about)
    });
    let options = OPTIONS.iter().map(|option| {
        let SocketOption { name, sockets, status, about, .. } = option;
        format!("| `{name}` | {} | {} | {about} |", sockets.names(), status.words()).replace("|  |", "| |")
    });
    settings.chain(options).collect()
}

#[test]
fn the_manual_has_every_setting_and_every_option_as_it_is() {
    let manual = std::fs::read_to_string(DOCUMENT).unwrap();
    let written: Vec<&str> = manual.lines().filter(|line| line.starts_with("| `")).collect();
    let expected = rows();
    let missing: Vec<&String> = expected.iter().filter(|row| !written.contains(&row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "docs/capi.md lacks\n{}",
        missing.iter().map(|row| format!("{row}\n")).collect::<String>()
    );
    let surplus: Vec<&&str> = written.iter().filter(|row| !expected.contains(&(**row).to_owned())).collect();
    assert!(surplus.is_empty(), "docs/capi.md has rows of nothing: {surplus:?}");
}

#[test]
fn an_unknown_level_is_refused() {
    let (mut kernel, fds) = sockets(SOL_IP);
    // Linux has another word for each direction.
    assert_eq!(kernel.getsockopt_int(fds[0], 9999, 1), Err(Errno::EOPNOTSUPP));
    assert_eq!(kernel.setsockopt_int(fds[0], 9999, 1, 0), Err(Errno::ENOPROTOOPT));
    assert_eq!(kernel.setsockopt_int(fds[0], SOL_IPV6, IPV6_V6ONLY, 1), Err(Errno::ENOPROTOOPT));
    assert_eq!(kernel.getsockopt_int(77, SOL_SOCKET, SO_TYPE), Err(Errno::EBADF));
}
