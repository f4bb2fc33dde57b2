//! Exit codes: curl's for `get`, ping's for `ping`.

use std::process::ExitCode;

macro_rules! exits {
    ($( $(#[doc = $doc:literal])* $name:ident = $code:literal, )*) => {
        /// How a transfer ended, with curl's number for it.
        ///
        /// The numbers are part of the interface: scripts that test curl's test these.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(crate) enum Exit { $( $(#[doc = $doc])* $name = $code, )* }

        impl Exit {
            /// Each code with what it means, in order.
            pub(crate) const TABLE: &'static [(Exit, &'static str)] = &[
                $( (Exit::$name, concat!($($doc),*)), )*
            ];
        }
    };
}

exits! {
    /// Everything went well.
    Success = 0,
    /// The URL's scheme is not http or https.
    UnsupportedProtocol = 1,
    /// The command line does not make sense.
    Usage = 2,
    /// The URL does not make sense.
    MalformedUrl = 3,
    /// The host's name could not be resolved.
    ResolveHost = 6,
    /// No connection to the host.
    Connect = 7,
    /// The server's answer is not HTTP.
    WeirdReply = 8,
    /// HTTP/2 framing error.
    Http2 = 16,
    /// The connection ended before the whole body had come.
    Partial = 18,
    /// The server answered 400 or above, and -f was given.
    HttpError = 22,
    /// Output could not be written.
    Write = 23,
    /// A local file could not be read.
    Read = 26,
    /// A time limit was reached.
    Timeout = 28,
    /// The TLS handshake failed.
    TlsConnect = 35,
    /// An internal error of fathom.
    Internal = 43,
    /// The network interface could not be used.
    Interface = 45,
    /// More redirects than allowed.
    TooManyRedirects = 47,
    /// A value given to an option could not be used.
    BadOption = 49,
    /// The server closed the connection without an answer.
    EmptyReply = 52,
    /// Sending failed.
    Send = 55,
    /// Receiving failed.
    Receive = 56,
    /// The server's certificate could not be verified.
    Certificate = 60,
    /// The body's encoding could not be read.
    Encoding = 61,
    /// The request's body could not be sent a second time.
    Rewind = 65,
    /// The file of certificate authorities could not be used.
    CaFile = 77,
    /// An HTTP/2 stream was broken off.
    Http2Stream = 92,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_that_curl_documents() {
        // From curl(1), EXIT CODES.
        let documented = [
            (Exit::Success, 0),
            (Exit::UnsupportedProtocol, 1),
            (Exit::Usage, 2),
            (Exit::MalformedUrl, 3),
            (Exit::ResolveHost, 6),
            (Exit::Connect, 7),
            (Exit::WeirdReply, 8),
            (Exit::Http2, 16),
            (Exit::Partial, 18),
            (Exit::HttpError, 22),
            (Exit::Write, 23),
            (Exit::Read, 26),
            (Exit::Timeout, 28),
            (Exit::TlsConnect, 35),
            (Exit::Internal, 43),
            (Exit::Interface, 45),
            (Exit::TooManyRedirects, 47),
            (Exit::BadOption, 49),
            (Exit::EmptyReply, 52),
            (Exit::Send, 55),
            (Exit::Receive, 56),
            (Exit::Certificate, 60),
            (Exit::Encoding, 61),
            (Exit::Rewind, 65),
            (Exit::CaFile, 77),
            (Exit::Http2Stream, 92),
        ];
        assert_eq!(documented.len(), Exit::TABLE.len());
        for ((exit, code), (listed, _)) in documented.iter().zip(Exit::TABLE) {
            assert_eq!(exit.code(), *code);
            assert_eq!(exit, listed);
        }
    }
}
