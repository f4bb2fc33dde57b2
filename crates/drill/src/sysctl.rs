//! Shell commands: `sysctl` sets the stack's settings; there is no shell to run others.

use fathom_linux::Settings;

/// The settings that a command makes, with names and values.
///
/// # Errors
/// Why it cannot be understood.
pub(crate) fn read(command: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut probe = Settings::default();
    let parts = command.split(['\n', ';']).flat_map(|part| part.split("&&"));
    for part in parts.map(str::trim).filter(|part| !part.is_empty() && !part.starts_with('#')) {
        let words = words(part)?;
        let Some(("sysctl", arguments)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
        else {
            let name = words.first().cloned().unwrap_or_default();
            return Err(format!(
                "'{name}' is no command that is understood, and none is ever run: expected sysctl -q NAME=VALUE"
            ));
        };
        let before = settings.len();
        for argument in arguments {
            if matches!(argument.as_str(), "-q" | "-w" | "-qw" | "-wq" | "-e") {
                continue;
            }
            let Some((name, value)) = argument.split_once('=') else {
                return Err(format!("expected sysctl -q NAME=VALUE, found '{argument}'"));
            };
            let name = name.strip_prefix("fathom.").unwrap_or(name);
            probe.set(name, value).map_err(|error| error.to_string())?;
            settings.push((name.to_owned(), value.to_owned()));
        }
        if settings.len() == before {
            return Err("expected sysctl -q NAME=VALUE".into());
        }
    }
    if settings.is_empty() { Err("this command is empty".into()) } else { Ok(settings) }
}

/// Words between blanks; what stands between quotation marks is one.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark has no other".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctl_is_read_as_a_shell_would() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let table = [
            ("sysctl -q net.ipv4.tcp_sack=0", vec![pair("net.ipv4.tcp_sack", "0")]),
            (
                "sysctl -w net.ipv4.tcp_rmem=\"4096 10000 20000\" net.ipv4.tcp_sack='1'",
                vec![pair("net.ipv4.tcp_rmem", "4096 10000 20000"), pair("net.ipv4.tcp_sack", "1")],
            ),
            (
                "sysctl -q net.ipv4.tcp_sack=0 && sysctl -q fathom.tcp_delack_ms=10\n# why",
                vec![pair("net.ipv4.tcp_sack", "0"), pair("tcp_delack_ms", "10")],
            ),
        ];
        for (command, expected) in table {
            assert_eq!(read(command), Ok(expected), "{command}");
        }
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let table = [
            ("rm -rf /", "'rm' is no command that is understood"),
            ("./defaults.sh", "'./defaults.sh' is no command"),
            ("sysctl -q", "expected sysctl -q NAME=VALUE"),
            ("sysctl net.ipv4.tcp_sack", "expected sysctl -q NAME=VALUE, found 'net.ipv4.tcp_sack'"),
            ("sysctl -q net.ipv4.tcp_sack=7", "tcp_sack=7"),
            ("sysctl -q net.ipv4.tcp_nothing=1", "there is no setting"),
            ("sysctl -q \"net.ipv4.tcp_sack=1", "a quotation mark"),
            ("", "this command is empty"),
        ];
        for (command, expected) in table {
            let error = read(command).unwrap_err();
            assert!(error.contains(expected), "{command}: {error}");
        }
    }
}
