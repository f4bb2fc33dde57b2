//! Certificates made on the spot, for servers that have none.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{DnsName, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Identity, fingerprint};

const DAY: Duration = Duration::from_secs(86_400);
/// Browsers take no certificate that is valid for longer than 398 days.
const VALIDITY: Duration = Duration::from_secs(397 * 86_400);

/// An authority and a certificate of it, made for one server. Nothing else is signed by the authority: its
/// key is forgotten.
#[derive(Clone, Debug)]
pub struct Made {
    /// Who the server is: its certificate and its authority's.
    pub identity: Identity,
    /// The authority's certificate in PEM, for clients to trust.
    pub authority: String,
    /// SHA-256 of the authority's certificate, `AB:CD:…`.
    pub authority_fingerprint: String,
}

/// Why no certificate was made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MakeError {
    /// A certificate needs a name or an address.
    #[error("there is no name or address to certify")]
    NobodyNamed,
    /// A name that certificates cannot have.
    #[error("'{0}' cannot be a name in a certificate")]
    Name(String),
    /// The system gave no keys.
    #[error("no certificate could be made: {0}")]
    Failed(String),
}

impl Made {
    /// Makes an authority and a certificate for DNS names and addresses (RFC 5280 4.2.1.6), valid from a day
    /// before `now` on (the time since 1970) for 13 months. The keys are ECDSA on P-256, which every client
    /// knows.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn new(names: &[String], addresses: &[IpAddr], now: Duration) -> Result<Made, MakeError> {
        let failed = |error: rcgen::Error| MakeError::Failed(error.to_string());
        let mut subjects = Vec::new();
        for name in names {
            // A wildcard stands for the first label (RFC 6125 6.4.3).
            let valid = DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok();
            let dns = name.as_str().try_into().ok().filter(|_| valid);
            subjects.push(SanType::DnsName(dns.ok_or_else(|| MakeError::Name(name.clone()))?));
        }
        subjects.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
        let common = names.first().cloned().or(addresses.first().map(ToString::to_string));
        let common = common.ok_or(MakeError::NobodyNamed)?;

        let ca_key = KeyPair::generate().map_err(failed)?;
        let mut ca = params(&format!("fathom serve {common}, authority"), now);
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = ca.self_signed(&ca_key).map_err(failed)?;

        let key = KeyPair::generate().map_err(failed)?;
        let mut leaf = params(&common, now);
        leaf.subject_alt_names = subjects;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).map_err(failed)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Made {
            identity: Identity { chain: vec![leaf.der().clone(), authority.der().clone()], key },
            authority: authority.pem(),
            authority_fingerprint: fingerprint(authority.der()),
        })
    }
}

fn params(common: &str, now: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = params.not_before + VALIDITY;
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_what_is_no_name_get_no_certificate() {
        let now = Duration::from_secs(1_767_225_600);
        assert_eq!(Made::new(&[], &[], now).unwrap_err(), MakeError::NobodyNamed);
        for name in ["ü", "a b", "", "*", "a.*.b"] {
            assert_eq!(Made::new(&[name.into()], &[], now).unwrap_err(), MakeError::Name(name.into()));
        }
        assert!(Made::new(&["*.a.test".into()], &[], now).is_ok());
    }

    #[test]
    fn an_identity_is_read_from_pem_and_says_what_is_missing() {
        use super::super::IdentityError;
        let made = Made::new(&["a.test".into()], &[], Duration::from_secs(1_767_225_600)).unwrap();
        let key = KeyPair::generate().unwrap().serialize_pem();
        let identity = Identity::from_pem(made.authority.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(identity.fingerprint(), made.authority_fingerprint);
        assert_eq!(made.authority_fingerprint.len(), 32 * 3 - 1);
        let wrong =
            |chain: &str, key: &str| Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(wrong(&key, &key), IdentityError::NoCertificate);
        assert_eq!(wrong(&made.authority, &made.authority), IdentityError::NoKey);
    }
}
