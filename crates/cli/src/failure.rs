//! Errors as the person at the terminal sees them: one line.

use std::fmt;

use fathom_record::Layer;

use crate::exit::Exit;

/// Something that a person can cause or should know, said in one line:
/// what failed, on which layer, to which address, and what to try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    what: String,
    place: Option<Place>,
    hint: Option<String>,
    silent: bool,
}

/// Where on the network it failed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    layer: Layer,
    protocol: &'static str,
    address: Option<String>,
}

impl Failure {
    /// `what` failed.
    pub(crate) fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Failure { exit, what: one_line(&what.to_string()), place: None, hint: None, silent: false }
    }

    /// Says on which layer, in which protocol.
    pub(crate) fn on(mut self, layer: Layer, protocol: &'static str) -> Self {
        let address = self.place.and_then(|place| place.address);
        self.place = Some(Place { layer, protocol, address });
        self
    }

    /// Says towards which address; only together with a layer.
    pub(crate) fn to(mut self, address: Option<impl fmt::Display>) -> Self {
        if let (Some(place), Some(address)) = (&mut self.place, address) {
            place.address = Some(address.to_string());
        }
        self
    }

    /// Says what to try.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    /// A failure that needs no words: the reader of our output went away.
    pub(crate) fn broken_pipe() -> Self {
        Failure { silent: true, ..Failure::new(Exit::Write, "the reader of the output went away") }
    }

    /// Whether to end without a message.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// What failed, without code, layer and advice: `-w '%{errormsg}'`.
    pub(crate) fn message(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Failure {
    /// `(7) could not connect to h port 80: connection refused [transport layer, TCP, 192.0.2.1:80]; try …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {}", self.exit.code(), self.what)?;
        if let Some(Place { layer, protocol, address }) = &self.place {
            write!(f, " [{} layer, {protocol}", layer.name())?;
            if let Some(address) = address {
                write!(f, ", {address}")?;
            }
            f.write_str("]")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Whatever an error of a library brings along, the message stays one line and moves no cursor.
fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the system says of an error, without the number that Rust adds.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_where_and_what_to_try() {
        let failure = Failure::new(Exit::Connect, "could not connect to h port 80: connection refused")
            .on(Layer::Transport, "TCP")
            .to(Some("192.0.2.1:80"))
            .hint("check that a server listens there");
        assert_eq!(
            failure.to_string(),
            "(7) could not connect to h port 80: connection refused \
             [transport layer, TCP, 192.0.2.1:80]; check that a server listens there"
        );
    }

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let failure = Failure::new(Exit::WeirdReply, "bad reply:\r\n\x1b[31m  two\tlines");
        assert_eq!(failure.to_string(), "(8) bad reply: [31m two lines");
    }

    #[test]
    fn the_reason_of_the_system_comes_without_its_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "No such file or directory");
        assert_eq!(reason(&std::io::Error::other("own words")), "own words");
    }
}
