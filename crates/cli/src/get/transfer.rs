//! The exchange itself: sends the request, writes what comes.

use fathom_apps::http::client::{self, Body, Client, FetchError, Options, Response};
use fathom_apps::tls::client::{Roots, judge};
use fathom_net::{Host, TcpInfo};
use fathom_record::Layer;
use http::header::{CONTENT_LENGTH, LOCATION};
use url::Url;

use super::explain::{explain, objection, verify_result};
use super::outputs::Outputs;
use super::progress::Progress;
use super::request::Request;
use super::transcript::Transcript;
use crate::args::{GetArgs, Via};
use crate::exit::Exit;
use crate::failure::Failure;

/// What came of a transfer.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Whether it succeeded.
    pub(super) result: Result<(), Failure>,
    /// What the engine knows of the last connection, if it stood.
    pub(super) tcp: Option<TcpInfo>,
    /// Bytes of the body, as they came.
    pub(super) downloaded: u64,
    /// Where a redirect that was not followed leads.
    pub(super) redirect_url: Option<String>,
    /// What was wrong with the certificate, as OpenSSL counts it.
    pub(super) verify_result: u64,
}

impl Outcome {
    /// It failed before there was an answer.
    pub(super) fn failed(failure: Failure) -> Self {
        Outcome { result: Err(failure), tcp: None, downloaded: 0, redirect_url: None, verify_result: 0 }
    }
}

/// What a transfer works with.
pub(super) struct Transfer<'a> {
    pub(super) args: &'a GetArgs,
    pub(super) via: &'a Via,
    pub(super) outputs: &'a mut Outputs,
    pub(super) transcript: &'a Transcript,
    pub(super) progress: bool,
}

impl Transfer<'_> {
    /// Sends `request` and writes the answer to its outputs.
    pub(super) async fn run(mut self, host: &Host, request: Request, options: Options) -> Outcome {
        let Request { method, url, headers, body, .. } = request;
        let body = body.map_or(Body::Empty, Body::Bytes);
        // Whom to trust, when a handshake takes any certificate and -w may still ask what is wrong with it.
        let doubts = self.args.insecure && self.args.write_out.is_some();
        let roots = doubts.then(|| options.tls.roots.clone());
        let client = Client::new(host, options);
        let outcome = match client.fetch(client::Request { method, url, headers, body }).await {
            Ok(mut response) => {
                let result = self.receive(&mut response).await;
                Outcome {
                    result,
                    tcp: response.tcp_info(),
                    downloaded: response.received(),
                    redirect_url: redirect_url(&response),
                    verify_result: roots.map_or(0, |roots| judged(host, &roots, &response)),
                }
            }
            Err(error) => {
                let redirect_url = match &error {
                    FetchError::TooManyRedirects { url, .. } => Some(url.to_string()),
                    _ => None,
                };
                let result = self.heads().and(Err(explain(&error, self.via)));
                let verify_result = verify_result(&error);
                Outcome { result, tcp: client.tcp_info(), downloaded: 0, redirect_url, verify_result }
            }
        };
        // Tells the server that nothing more comes.
        client.close().await;
        outcome
    }

    /// Writes the heads, then the body as it comes.
    async fn receive(&mut self, response: &mut Response) -> Result<(), Failure> {
        self.heads()?;
        let refused = response.status.as_u16() >= 400;
        if refused && self.args.fail {
            return Err(refusal(response));
        }
        let wanted = !self.args.head;
        let length = response.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut progress = Progress::new(self.progress, length);
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                progress.clear();
                explain(&error, self.via)
            })?;
            let Some(chunk) = chunk else { break };
            self.transcript.received(chunk.len());
            progress.update(response.received());
            if wanted && let Err(failure) = self.outputs.put(&chunk) {
                progress.clear();
                return Err(failure);
            }
        }
        progress.clear();
        self.outputs.body.finish()?;
        if refused && self.args.fail_with_body { Err(refusal(response)) } else { Ok(()) }
    }

    /// Writes the heads that came to where they are wanted.
    fn heads(&mut self) -> Result<(), Failure> {
        let heads = self.transcript.take_heads();
        if self.args.include || self.args.head {
            self.outputs.body.put(&heads)?;
        }
        if let Some(sink) = &mut self.outputs.heads {
            sink.put(&heads)?;
            sink.finish()?;
        }
        Ok(())
    }
}

/// What verifying the certificate would have said.
fn judged(host: &Host, roots: &Roots, response: &Response) -> u64 {
    let Some(tls) = &response.connection().tls else { return 0 };
    let name = response.url.host_str().unwrap_or_default();
    let name = name.trim_start_matches('[').trim_end_matches(']');
    judge(host, roots, name, &tls.peer_certificates).err().map_or(0, |error| objection(&error))
}

/// The status is that of an error, and -f was given.
fn refusal(response: &Response) -> Failure {
    let status = response.status;
    Failure::new(Exit::HttpError, format!("the requested URL returned error: {}", status.as_u16()))
        .on(Layer::Application, "HTTP")
        .to(Some(response.connection().remote))
        .hint("see the answer without -f")
}

/// Where a redirect leads that was not followed.
fn redirect_url(response: &Response) -> Option<String> {
    if !response.status.is_redirection() {
        return None;
    }
    let location = response.headers.get(LOCATION)?.to_str().ok()?;
    if location.trim().is_empty() {
        return None;
    }
    let target: Url = response.url.join(location).ok()?;
    Some(target.into())
}
