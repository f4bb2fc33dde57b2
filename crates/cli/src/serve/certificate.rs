//! Who the server is.

use std::fs;
use std::path::Path;

use fathom_apps::tls::server::{Identity, IdentityError, Made, MakeError};
use fathom_net::driver::Clock;

use super::say;
use crate::args::ServeArgs;
use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::output::Destination;

/// The certificate of the listeners for HTTPS.
pub(super) enum Certificate<'a> {
    /// There are none.
    Unused,
    /// The one of --cert and --key.
    Given(Identity),
    /// One that was made, and where its authority is to be written.
    Made(Box<Made>, Option<&'a str>),
}

impl<'a> Certificate<'a> {
    /// Reads or makes it.
    ///
    /// # Errors
    ///
    /// [`Exit::Read`] for files that are none, [`Exit::Usage`] for names that cannot be certified.
    pub(super) fn of(args: &'a ServeArgs) -> Result<Self, Failure> {
        if args.https.is_empty() {
            return Ok(Certificate::Unused);
        }
        if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
            return given(cert, key).map(Certificate::Given);
        }
        let addresses: Vec<_> = args.network.address.iter().map(|cidr| cidr.address()).collect();
        let made = Made::new(&args.name, &addresses, Clock::wall_clock()).map_err(|error| match error {
            MakeError::Name(name) => {
                Failure::new(Exit::Usage, format!("'{name}' cannot be a name in a certificate"))
                    .hint("give a name of letters, digits, hyphens and dots (xn-- for others)")
            }
            error => Failure::new(Exit::Internal, error),
        })?;
        Ok(Certificate::Made(Box::new(made), args.ca_out.as_deref()))
    }

    /// What TLS shows; `None` without TLS.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Certificate::Unused => None,
            Certificate::Given(identity) => Some(identity.clone()),
            Certificate::Made(made, _) => Some(made.identity.clone()),
        }
    }

    /// What it means that TLS does not take it.
    pub(super) fn refused(&self, error: &rustls::Error) -> Failure {
        Failure::new(Exit::Read, format!("the certificate cannot be used: {error}"))
            .hint("see that --key is the key of the first certificate in --cert")
    }

    /// Says which it is, and writes the authority of one that was made.
    ///
    /// # Errors
    ///
    /// [`Exit::Write`].
    pub(super) fn announce(&self) -> Result<(), Failure> {
        match self {
            Certificate::Unused => {}
            Certificate::Given(identity) => say(&format!("certificate SHA-256 {}", identity.fingerprint())),
            Certificate::Made(made, out) => {
                let authority = &made.authority_fingerprint;
                match out {
                    Some(file) => {
                        Destination::new(file).write_all(made.authority.as_bytes())?;
                        say(&format!("made a certificate; its authority is in {file}, SHA-256 {authority}"));
                    }
                    None => say(&format!(
                        "made a certificate, of an authority with SHA-256 {authority}; \
                         clients can trust it with --ca-out FILE"
                    )),
                }
            }
        }
        Ok(())
    }
}

fn given(cert: &Path, key: &Path) -> Result<Identity, Failure> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| {
            Failure::new(Exit::Read, format!("could not read {}: {}", path.display(), reason(&error)))
                .hint("name a file that you may read")
        })
    };
    let (chain, private) = (read(cert)?, read(key)?);
    Identity::from_pem(&chain, &private).map_err(|error| {
        let path = match error {
            IdentityError::NoCertificate | IdentityError::Certificate(_) => cert,
            IdentityError::NoKey | IdentityError::Key(_) => key,
        };
        Failure::new(Exit::Read, format!("could not use {}: {error}", path.display()))
            .hint("give PEM, as openssl writes it")
    })
}
