use super::*;
use crate::Kernel;

#[test]
fn every_default_is_accepted_and_is_the_default() {
    let mut settings = Settings::default();
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        // An Ethernet address would choose the medium.
        if setting.name != "mac" {
            settings.set(setting.name, setting.default).unwrap();
        }
        let same = format!("{settings:?}") == format!("{:?}", Settings::default());
        assert!(same, "{} is not {} by default", setting.name, setting.default);
    }
}

#[test]
fn no_two_settings_have_the_same_name() {
    let mut names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

/// Another value of each setting that has several.
const OTHERS: &[(&str, &str)] = &[
    ("address", "192.0.2.1/24"),
    ("gateway", "192.0.2.9"),
    ("route", "10.0.0.0/8 via 192.0.2.9"),
    ("local", "203.0.113.0/24"),
    ("medium", "ethernet"),
    ("mac", "02:00:00:00:00:09"),
    ("mtu", "1400"),
    ("interface", "eth0"),
    ("seed", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    ("txqueuelen", "10"),
    ("memory_limit", "1000000"),
    ("nofile", "10"),
    ("link_local", "0"),
    ("group_reports", "never"),
    ("dad_transmits", "1"),
    ("ip_default_ttl", "9"),
    ("ip_forward", "1"),
    ("ip_local_port_range", "32768 60999"),
    ("bindv6only", "1"),
    ("icmp_ratelimit_per_second", "7"),
    ("min_pmtu", "600"),
    ("mtu_expires", "7"),
    ("somaxconn", "7"),
    ("rmem_max", "212992"),
    ("wmem_max", "212992"),
    ("rmem_default", "212992"),
    ("wmem_default", "212992"),
    ("tcp_rmem", "2304 87380 6291456"),
    ("tcp_wmem", "4608 16384 4194304"),
    ("tcp_moderate_rcvbuf", "0"),
    ("tcp_sack", "0"),
    ("tcp_timestamps", "0"),
    ("tcp_window_scaling", "0"),
    ("tcp_congestion_control", "reno"),
    ("tcp_slow_start_after_idle", "0"),
    ("tcp_initial_rto_ms", "3000"),
    ("tcp_rto_min_us", "5000"),
    ("tcp_rto_max_ms", "10000"),
    ("tcp_probe_max_ms", "10000"),
    ("tcp_delack_ms", "200"),
    ("tcp_quickacks", "0"),
    ("tcp_syn_retries", "3"),
    ("tcp_synack_retries", "3"),
    ("tcp_retries2", "8"),
    ("tcp_user_timeout_ms", "7000"),
    ("tcp_keepalive_time", "7"),
    ("tcp_keepalive_intvl", "7"),
    ("tcp_keepalive_probes", "7"),
    ("tcp_fin_timeout", "7"),
    ("tcp_timewait_ms", "7"),
    ("tcp_max_tw_buckets", "7"),
    ("tcp_max_connections", "7"),
    ("tcp_max_syn_backlog", "7"),
    ("tcp_syncookies", "0"),
    ("tcp_maxseg", "1000"),
    ("tcp_nodelay", "1"),
    ("tcp_notsent_lowat", "16384"),
    ("tcp_require_timestamps", "1"),
    ("tcp_challenge_acks", "7"),
    ("tcp_resets_per_second", "7"),
];

#[test]
fn every_setting_changes_something_or_has_one_value() {
    // A seed does not show itself.
    let shown = |settings: &Settings| format!("{settings:?} {:?}", settings.seed.0);
    for setting in SETTINGS {
        let mut settings = Settings::default();
        match OTHERS.iter().find(|(name, _)| *name == setting.name) {
            Some((name, value)) => {
                settings.set(name, value).unwrap();
                assert_ne!(shown(&settings), shown(&Settings::default()), "{name}={value}");
            }
            None => {
                assert_eq!(setting.values, setting.default, "{} has other values", setting.name);
                let other = settings.set(setting.name, "7").unwrap_err();
                assert!(matches!(other, SettingError::NotThere { .. }), "{other}");
            }
        }
    }
}

#[test]
fn nonsense_is_refused_by_every_setting_with_what_it_can_be() {
    for setting in SETTINGS {
        let mut settings = Settings::default();
        let error = settings.set(setting.name, "~ no value ~").unwrap_err();
        assert!(error.to_string().contains(setting.values), "{error}");
    }
}

#[test]
fn a_text_is_lines_and_parts_of_lines() {
    let text = "# a host\naddress=192.0.2.1/24; mtu = 1400\n\nnet.ipv4.tcp_sack=0 # not yet\n";
    let settings: Settings = text.parse().unwrap();
    assert_eq!(settings.addresses, ["192.0.2.1/24".parse().unwrap()]);
    assert_eq!(settings.mtu, 1400);
    assert!(!settings.tcp.sack);
}

#[test]
fn what_is_wrong_is_told() {
    let table = [
        ("mtu", "`mtu` is not of the form name=value"),
        ("tcp_sakc=0", "there is no setting `tcp_sakc`"),
        ("mtu=9", "mtu=9: the value is 68 to 65535"),
        (
            "tcp_rmem=9000 8000 10000",
            "tcp_rmem=9000 8000 10000: the value is three rising sizes in bytes: least, at the start, at most",
        ),
        (
            "tcp_congestion_control=bbr",
            "tcp_congestion_control=bbr: BBR is not there yet; the value can be cubic or reno",
        ),
        ("tcp_fastopen=3", "tcp_fastopen=3: TCP Fast Open (RFC 7413) is not there yet; the value can be 0"),
        (
            "mac=ff:ff:ff:ff:ff:ff",
            "mac=ff:ff:ff:ff:ff:ff: the value is an Ethernet address of one host, such as 02:00:00:00:00:01",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(text.parse::<Settings>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn addresses_and_gateways_must_fit_each_other() {
    let table = [
        ("address=224.0.0.1/4", "address=224.0.0.1/4: "),
        ("gateway=192.0.2.9", "gateway=192.0.2.9: no address of the interface is in its network"),
        ("address=192.0.2.1/24; route=2001:db8::/32 via 192.0.2.9", "route=2001:db8::/32 via 192.0.2.9: "),
    ];
    for (text, expected) in table {
        let error = Kernel::new(&text.parse().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn retries_are_as_long_as_on_linux() {
    let user_timeout = |value: &str| {
        let mut settings = Settings::default();
        settings.set("tcp_retries2", value).unwrap();
        settings.config.tcp.user_timeout
    };
    assert_eq!(user_timeout("15"), Duration::from_millis(924_600));
    assert_eq!(user_timeout("8"), Duration::from_millis(102_200));
    assert_eq!(user_timeout("3"), Duration::from_millis(3_000));
}
