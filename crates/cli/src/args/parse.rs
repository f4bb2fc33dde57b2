//! Values of options.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Seconds with an optional fraction, as curl and ping write them: `5`, `0.25`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = if digits { text.parse::<f64>().ok() } else { None };
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds, such as 5 or 0.25".into())
}

/// An address for a name: `HOST:PORT:ADDRESS[,ADDRESS]…`, as curl's `--resolve`. A `+` in front lets the entry
/// expire with curl; a run is too short for that here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resolve {
    /// The name, in lower case; `*` for all others.
    pub(crate) host: String,
    /// The port that it holds for.
    pub(crate) port: u16,
    /// The addresses to use.
    pub(crate) addresses: Vec<IpAddr>,
}

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected HOST:PORT:ADDRESS[,ADDRESS]..., such as example.com:443:192.0.2.1";
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM.into());
        };
        let port = port.parse().map_err(|_| FORM)?;
        let addresses = addresses.split(',').map(|address| {
            let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
            bare.parse::<IpAddr>().map_err(|_| format!("'{address}' is no IP address; {FORM}"))
        });
        let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let host = host.strip_prefix('+').unwrap_or(host);
        if host.is_empty() {
            return Err(FORM.into());
        }
        Ok(Resolve { host: host.to_ascii_lowercase(), port, addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_no_sign() {
        assert_eq!(seconds("5"), Ok(Duration::from_secs(5)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds(".5"), Ok(Duration::from_millis(500)));
        for text in ["", "abc", "-1", "1e3", "inf", "5s", "1.2.3", "99999999999999999999999"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_resolve_entry_names_host_port_and_addresses() {
        let entry: Resolve = "Example.com:443:192.0.2.1,[2001:db8::1],2001:db8::2".parse().unwrap();
        assert_eq!(entry.host, "example.com");
        assert_eq!(entry.port, 443);
        let expected: Vec<IpAddr> =
            ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|text| text.parse().unwrap()).into();
        assert_eq!(entry.addresses, expected);
        assert_eq!("+Example.com:443:192.0.2.1".parse::<Resolve>().unwrap().host, "example.com");
        assert_eq!("*:443:192.0.2.1".parse::<Resolve>().unwrap().host, "*");
        for text in [
            "",
            "+:443:192.0.2.1",
            "host",
            "host:443",
            "host:x:192.0.2.1",
            "host:443:",
            "host:443:name",
            ":443:192.0.2.1",
        ] {
            assert!(text.parse::<Resolve>().is_err(), "{text}");
        }
    }
}
