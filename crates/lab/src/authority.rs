//! The lab's certificate authority: keys and certificates that follow from the seed.

use std::time::Duration;

use fathom_apps::tls::server::Identity;
use fathom_apps::tls::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ED25519, SerialNumber,
};
use siphasher::sip::SipHasher24;

const DAY: Duration = Duration::from_secs(86_400);

/// The head of an Ed25519 private key in PKCS #8 version 1 (RFC 8410 7); 32 bytes of seed follow.
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// When a certificate is valid, as times of the world's clock since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    from: Duration,
    until: Duration,
}

impl Validity {
    /// From yesterday on for 90 days, as certificates on the web are.
    pub(crate) fn current(now: Duration) -> Self {
        Validity { from: now.saturating_sub(DAY), until: now + 89 * DAY }
    }

    /// For 90 days, until ten days ago.
    pub(crate) fn expired(now: Duration) -> Self {
        Validity { from: now.saturating_sub(100 * DAY), until: now.saturating_sub(10 * DAY) }
    }

    fn authority(now: Duration) -> Self {
        Validity { from: now.saturating_sub(365 * DAY), until: now + 3_650 * DAY }
    }

    fn set(self, params: &mut CertificateParams) {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + self.from;
        params.not_after = epoch + self.until;
    }
}

/// A certificate authority.
pub(crate) struct Authority {
    seed: u64,
    params: CertificateParams,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

impl Authority {
    /// The authority of the lab with the seed `seed`, made at `now` of the world's clock.
    pub(crate) fn new(seed: u64, now: Duration) -> Result<Self, rcgen::Error> {
        let key = key_pair(seed, "authority")?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = name("fathom lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial(seed, "authority"));
        Validity::authority(now).set(&mut params);
        let certificate = params.self_signed(&key)?;
        Ok(Authority { seed, params, key, certificate })
    }

    /// The authority's own certificate, in DER and in PEM.
    pub(crate) fn into_certificate(self) -> (CertificateDer<'static>, String) {
        (self.certificate.der().clone(), self.certificate.pem())
    }

    /// A certificate for the DNS names `names` and its key.
    pub(crate) fn issue(&self, names: &[&str], validity: Validity) -> Result<Identity, rcgen::Error> {
        let common = names.first().copied().unwrap_or("nobody");
        let purpose = format!("leaf {names:?} {validity:?}");
        let key = key_pair(self.seed, &purpose)?;
        let mut params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name = name(common);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial(self.seed, &purpose));
        validity.set(&mut params);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let leaf = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Identity { chain: vec![leaf.der().clone()], key })
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "fathom lab");
    name.push(DnType::CommonName, common);
    name
}

/// The Ed25519 key that the lab of `seed` has for `purpose`.
fn key_pair(seed: u64, purpose: &str) -> Result<KeyPair, rcgen::Error> {
    let mut pkcs8 = PKCS8_HEAD.to_vec();
    pkcs8.extend_from_slice(&derive(seed, "key", purpose));
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519)
}

/// A serial number of 16 bytes. The first is never 0 and below 128, so all are as long (RFC 5280 4.1.2.2).
fn serial(seed: u64, purpose: &str) -> SerialNumber {
    let mut bytes = derive(seed, "serial", purpose)[..16].to_vec();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    SerialNumber::from(bytes)
}

/// 32 bytes that follow from the seed, and differ by use and purpose.
///
/// What is derived here protects nothing: it is for a world that whoever knows the seed can rebuild.
fn derive(seed: u64, use_: &str, purpose: &str) -> [u8; 32] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let hasher = SipHasher24::new_with_key(&key);
    let mut out = [0; 32];
    for (number, word) in out.chunks_exact_mut(8).enumerate() {
        let context = format!("fathom lab {use_} {purpose} {number}");
        word.copy_from_slice(&hasher.hash(context.as_bytes()).to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests;
