//! Content codings by what the client accepts (RFC 9110 12.5.3).

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use fathom_apps::http::server::{Response, body};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The codings offered, the most wanted first.
const OFFERED: [&str; 3] = ["zstd", "br", "gzip"];

/// `text` in the best coding that `headers` accept.
pub(super) async fn encoded(headers: &HeaderMap, kind: &'static str, text: String) -> Response {
    let coding = OFFERED.into_iter().find(|coding| accepts(headers, coding));
    let bytes = match coding {
        Some("zstd") => finish(ZstdEncoder::new(Vec::new()), &text).await.map(ZstdEncoder::into_inner),
        Some("br") => finish(BrotliEncoder::new(Vec::new()), &text).await.map(BrotliEncoder::into_inner),
        Some(_) => finish(GzipEncoder::new(Vec::new()), &text).await.map(GzipEncoder::into_inner),
        None => None,
    };
    let (coding, bytes) = match bytes {
        Some(bytes) => (coding, bytes),
        None => (None, text.into_bytes()),
    };
    let mut response = super::typed(StatusCode::OK, kind, body(bytes));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

async fn finish<E: AsyncWrite + Unpin>(mut encoder: E, text: &str) -> Option<E> {
    encoder.write_all(text.as_bytes()).await.ok()?;
    encoder.shutdown().await.ok()?;
    Some(encoder)
}

/// Whether the client names `coding`, and not with a weight of zero.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0));
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_counts_when_it_is_named_with_a_weight() {
        let table = [
            ("gzip, br", "br", true),
            ("gzip, br", "zstd", false),
            ("GZIP;q=0.5", "gzip", true),
            ("gzip;q=0", "gzip", false),
            ("gzip; q=0.000, br", "gzip", false),
        ];
        for (value, coding, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts(&headers, coding), expected, "{coding} in {value:?}");
        }
    }
}
