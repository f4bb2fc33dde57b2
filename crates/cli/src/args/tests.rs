use super::*;

fn line(arguments: &str) -> Vec<OsString> {
    std::iter::once("fathom").chain(arguments.split_whitespace()).map(OsString::from).collect()
}

fn get(arguments: &str) -> GetArgs {
    match parse(line(&format!("get http://h/ {arguments}")), false) {
        Ok(Parsed::Run(cli)) => match cli.command {
            Command::Get(args) => *args,
            _ => panic!("{arguments}: not a get"),
        },
        Ok(Parsed::Show(text)) => panic!("{arguments}: {text}"),
        Err(failure) => panic!("{arguments}: {failure}"),
    }
}

fn refusal(arguments: &str) -> String {
    match parse(line(arguments), false) {
        Err(failure) => failure.to_string(),
        Ok(_) => panic!("{arguments}: not refused"),
    }
}

#[test]
fn the_declaration_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn short_options_may_be_written_together_as_with_curl() {
    let args = get("-sSLo page -XPOST -d@file -vvv -4k");
    assert!(args.silent && args.show_error && args.location && args.ipv4 && args.insecure);
    assert_eq!(args.output.as_deref(), Some("page"));
    assert_eq!(args.request.as_deref(), Some("POST"));
    assert_eq!(args.data.parts, [Part::Text("@file".into())]);
    assert_eq!(args.verbose, 3);
}

#[test]
fn an_option_given_twice_holds_as_given_last() {
    assert_eq!(get("-o a -o b -X PUT -XGET").request.as_deref(), Some("GET"));
    assert_eq!(get("-o a -o b").output.as_deref(), Some("b"));
    assert!(get("-s -s").silent);
    let args = get("-4 -6");
    assert!(args.ipv6 && !args.ipv4);
    let args = get("--http2 --http1.1");
    assert!(args.http1_1 && !args.http2);
    let args = get("--http1.1 --http2-prior-knowledge");
    assert!(args.http2_prior_knowledge && !args.http1_1);
}

#[test]
fn options_that_may_be_repeated_are_all_kept_in_order() {
    let args = get("-H a:1 -H b:2 --resolve h:80:192.0.2.1 --resolve i:80:192.0.2.2");
    assert_eq!(args.header, ["a:1", "b:2"]);
    assert_eq!(args.resolve.len(), 2);
    let args = get("--data-raw 1 -d 2 --data-binary 3 -d 4");
    let expected =
        [Part::Raw("1".into()), Part::Text("2".into()), Part::Binary("3".into()), Part::Text("4".into())];
    assert_eq!(args.data.parts, expected);
}

#[test]
fn values_may_begin_with_a_dash() {
    let args = get("-H -x:1 -d -y -w -%{http_code} -o -");
    assert_eq!(args.header, ["-x:1"]);
    assert_eq!(args.data.parts, [Part::Text("-y".into())]);
    assert_eq!(args.write_out.as_deref(), Some("-%{http_code}"));
    assert_eq!(args.output.as_deref(), Some("-"));
}

#[test]
fn a_wrong_command_line_is_refused_in_one_line_with_advice() {
    for (arguments, expected) in [
        ("get http://h/ --nonsense", "(2) unexpected argument '--nonsense' found; try 'fathom get --help'"),
        (
            "get http://h/ --slient",
            "(2) unexpected argument '--slient' found; did you mean '--silent'? (all options: fathom get --help)",
        ),
        ("get", "(2) the following required arguments were not provided: <URL>; try 'fathom get --help'"),
        (
            "get http://h/ -m abc",
            "(2) invalid value 'abc' for '--max-time <SECONDS>': expected a number of seconds, such as 5 or 0.25; \
             try 'fathom get --help'",
        ),
        (
            "get http://h/ --loss 2",
            "(2) invalid value '2' for '--loss <CHANCE>': '2' is out of range: a chance is from 0 to 1, \
             or from 0% to 100%; try 'fathom get --help'",
        ),
        (
            "get http://h/ --delay 40",
            "(2) invalid value '40' for '--delay <TIME>': '40' has no unit: write 40ms, 1.5s or 200us; \
             try 'fathom get --help'",
        ),
        (
            "get http://h/ --via moon",
            "(2) invalid value 'moon' for '--via <NETWORK>': expected 'lab', 'tap:NAME' or 'tun:NAME', such as tap:tap0; \
             try 'fathom get --help'",
        ),
        (
            "get http://h/ -o x -O",
            "(2) the argument '--output <FILE>' cannot be used with '--remote-name'; try 'fathom get --help'",
        ),
        ("pong h", "(2) unrecognized subcommand 'pong'; did you mean 'ping'? (all options: fathom --help)"),
    ] {
        assert_eq!(refusal(arguments), expected, "{arguments}");
    }
}

#[test]
fn a_network_has_to_be_chosen_and_its_options_to_fit() {
    let via = |arguments: &str| match get(arguments).network.via() {
        Ok(via) => format!("{via:?}"),
        Err(failure) => failure.to_string(),
    };
    assert_eq!(via("--via lab"), "Lab");
    assert_eq!(via("--via tap:t0 --address 192.0.2.2/24 --gateway 192.0.2.1"), "Tap(\"t0\")");
    assert_eq!(via("--via tun:t0 --address 192.0.2.2/24 --gateway 192.0.2.1"), "Tun(\"t0\")");
    assert_eq!(
        via(""),
        "(2) no network is chosen; add '--via lab' (an internet inside this process), \
         '--via tap:NAME' or '--via tun:NAME' (an interface of this machine)"
    );
    assert_eq!(
        via("--via lab --gateway 192.0.2.1"),
        "(2) --gateway has no meaning with --via lab; the lab's host is configured already; leave it out"
    );
    assert_eq!(
        via("--via tap:t0"),
        "(2) the host on the interface has no address; add '--address IP/PREFIX', \
         such as --address 192.0.2.2/24"
    );
    assert_eq!(
        via("--via tun:t0 --address 192.0.2.2/24 --mac 02:00:00:00:00:01"),
        "(2) --mac has no meaning with --via tun:NAME; a TUN interface carries IP packets, \
         without Ethernet addresses; leave it out"
    );
    assert_eq!(
        via("--via tap:t0 --address 192.0.2.2/24 --gateway 2001:db8::1"),
        "(2) the gateway 2001:db8::1 is of a family that no --address is of; \
         give the host an address of that family"
    );
}

#[test]
fn addresses_have_a_prefix_and_hosts_a_unicast_mac() {
    for wrong in ["192.0.2.2", "192.0.2.2/33", "2001:db8::1/129", "h/24", "192.0.2.2/x"] {
        assert!(parse(line(&format!("get http://h/ --address {wrong}")), false).is_err(), "{wrong}");
    }
    for wrong in ["ff:ff:ff:ff:ff:ff", "01:00:00:00:00:00", "00:00:00:00:00:00", "02:00", "x"] {
        assert!(parse(line(&format!("get http://h/ --mac {wrong}")), false).is_err(), "{wrong}");
    }
    assert!(get("--mac 02:00:00:00:00:01").network.mac.is_some());
}

#[test]
fn pings_options_are_those_of_iputils() {
    let Ok(Parsed::Run(cli)) = parse(line("ping -c3 -i.2 -s 8 -W 0.5 -w 9 -t 5 -6nqD h"), false) else {
        panic!("refused")
    };
    let Command::Ping(args) = cli.command else { panic!("not a ping") };
    assert_eq!(args.count, Some(3));
    assert_eq!(args.interval, std::time::Duration::from_millis(200));
    assert_eq!(args.size, 8);
    assert_eq!(args.timeout, Some(std::time::Duration::from_millis(500)));
    assert_eq!((args.deadline, args.ttl), (Some(9), Some(5)));
    assert!(args.ipv6 && args.numeric && args.quiet && args.timestamps && !args.ipv4);
    for wrong in ["-c 0 h", "-c abc h", "-t 0 h", "-t 256 h", "-s 65508 h", "-i -1 h", "-4 -6 h", ""] {
        assert!(parse(line(&format!("ping {wrong}")), false).is_err(), "{wrong}");
    }
}

#[test]
fn help_names_each_option_once_and_fits_the_page() {
    for arguments in ["--help", "get --help", "get -h", "ping --help", "help get"] {
        let Ok(Parsed::Show(text)) = parse(line(arguments), false) else { panic!("{arguments}: no help") };
        assert!(!text.contains('\x1b'), "{arguments}");
    }
    let Ok(Parsed::Show(text)) = parse(line("--version"), false) else { panic!("no version") };
    assert_eq!(text, format!("fathom {}\n", env!("CARGO_PKG_VERSION")));
}
