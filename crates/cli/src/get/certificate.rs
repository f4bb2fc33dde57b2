//! What a certificate says, in the lines that curl shows.

use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};
use x509_cert::name::Name;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Subject, validity and issuer of a certificate in DER; `None` when it cannot be read.
pub(super) fn lines(der: &[u8]) -> Option<[String; 4]> {
    let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
    let validity = &certificate.validity;
    Some([
        format!("subject: {}", name(&certificate.subject)),
        format!("start date: {}", date(validity.not_before.to_date_time())),
        format!("expire date: {}", date(validity.not_after.to_date_time())),
        format!("issuer: {}", name(&certificate.issuer)),
    ])
}

/// `C=US; O=Example; CN=example.com`, in the order of the certificate.
fn name(name: &Name) -> String {
    let parts: Vec<String> = name.0.iter().map(ToString::to_string).collect();
    parts.join("; ")
}

/// `Jan  1 12:00:00 2026 GMT`
fn date(time: DateTime) -> String {
    let month = MONTHS.get(usize::from(time.month()) - 1).unwrap_or(&"?");
    let (day, year) = (time.day(), time.year());
    format!("{month} {day:2} {:02}:{:02}:{:02} {year} GMT", time.hour(), time.minutes(), time.seconds())
}

#[cfg(test)]
mod tests {
    use fathom_lab::{Lab, LabConfig};

    use super::*;

    #[test]
    fn a_certificate_is_told_as_curl_tells_it() {
        let lab = Lab::new(LabConfig::default()).unwrap();
        let [subject, start, expire, issuer] = lines(lab.ca()).unwrap();
        assert!(subject.starts_with("subject: ") && subject.contains("CN="), "{subject}");
        // An authority signs itself.
        assert_eq!(subject["subject".len()..], issuer["issuer".len()..]);
        assert!(start.starts_with("start date: ") && start.ends_with(" GMT"), "{start}");
        assert!(expire.starts_with("expire date: ") && expire.ends_with(" GMT"), "{expire}");
    }

    #[test]
    fn what_is_no_certificate_is_not_told() {
        assert_eq!(lines(b""), None);
        assert_eq!(lines(b"\x30\x03\x02\x01\x00"), None);
    }

    #[test]
    fn days_and_months_have_their_places() {
        assert_eq!(date(DateTime::new(2026, 1, 5, 4, 3, 2).unwrap()), "Jan  5 04:03:02 2026 GMT");
        assert_eq!(date(DateTime::new(1999, 12, 31, 23, 59, 59).unwrap()), "Dec 31 23:59:59 1999 GMT");
    }
}
