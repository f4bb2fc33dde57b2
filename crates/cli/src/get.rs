//! `fathom get`: one request, and where its time went.

use std::io::{Write, stderr};

use fathom_apps::Family;
use fathom_apps::http::client::{Options, Redirects, ResolveOverride, Version, parse_url};
use fathom_apps::tls::client::{Options as TlsOptions, Roots, TlsVersion};
use fathom_lens::{Tracer, Waterfall};
use url::Url;

use crate::args::{GetArgs, Resolve, TlsMax, Via};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::network::Network;
use crate::terminal::Style;
use crate::write_out::{self, Facts, Format};

mod certificate;
mod explain;
mod heads;
mod outputs;
mod progress;
mod report;
mod request;
pub(crate) mod tape;
mod transcript;
mod transfer;
mod verbose;

pub(crate) use explain::unresolved;
use outputs::Outputs;
use request::Request;
use tape::Tape;
use transcript::Transcript;
use transfer::{Outcome, Transfer};
use verbose::{Level, Verbose};

/// Runs `fathom get`.
pub(crate) fn run(args: &GetArgs, style: Style) -> Exit {
    let Err(failure) = Job::new(args, style).and_then(Job::run) else { return Exit::Success };
    // -s is for what becomes of a transfer; a command line that makes no sense never becomes one.
    let told = !args.silent || args.show_error || failure.exit == Exit::Usage;
    if told && !failure.is_silent() {
        say(&format!("fathom: {failure}"));
    }
    failure.exit
}

/// Writes a line to standard error. Nothing can be said about a broken one.
fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// A transfer, prepared as far as it goes without a network.
struct Job<'a> {
    args: &'a GetArgs,
    style: Style,
    via: &'a Via,
    request: Request,
    outputs: Outputs,
    format: Option<Format>,
    roots: Option<Roots>,
    resolve: Vec<Resolve>,
    facts: Facts,
}

impl<'a> Job<'a> {
    fn new(args: &'a GetArgs, style: Style) -> Result<Self, Failure> {
        let via = args.network.via()?;
        args.network.check_family(args.ipv6)?;
        if args.tlsv1_3 && args.tls_max == Some(TlsMax::V1_2) {
            return Err(Failure::new(Exit::Usage, "--tlsv1.3 and --tls-max 1.2 leave no version of TLS")
                .hint("leave one of them out"));
        }
        let url = url(&args.url, via)?;
        let outputs = Outputs::new(args, &url)?;
        let request = Request::new(args, url)?;
        let mut facts = Facts::new(&args.url, request.method.as_str());
        facts.url_effective = request.url.to_string();
        facts.scheme = Some(request.url.scheme().into());
        facts.uploaded = request.body.as_ref().map_or(0, |body| body.len() as u64);
        facts.file.clone_from(&outputs.file);
        let format = args.write_out.as_deref().map(format).transpose()?;
        let roots = args.cacert.as_deref().map(roots).transpose()?;
        let resolve = args.resolve.iter().map(|entry| resolve(entry)).collect::<Result<_, _>>()?;
        Ok(Job { args, style, via, request, outputs, format, roots, resolve, facts })
    }

    fn run(mut self) -> Result<(), Failure> {
        let mut network = Network::open(&self.args.network)?;
        self.announce();
        let host = network.host().clone();
        let verbose = Verbose::new(Level::of(self.args.verbose), host.now());
        let tracer = verbose.shows_frames().then(|| Tracer::new(&network.links(), self.style.lens()));
        let tape = Tape::new().with_tracer(tracer).with_capture(
            self.outputs.capture.take(),
            &network.links(),
            network.epoch(),
            format!("fathom get {}", self.request.url),
        )?;
        let transcript = Transcript::new(host.clone(), verbose, tape, self.facts.clone());
        let watch = (network.is_real_time() && verbose.shows_frames()).then(|| transcript.watch());
        let options = self.options(network.roots(), &transcript);
        let progress = self.style.terminal && !self.args.silent && self.outputs.body.leaves_terminal_free();
        let transfer = Transfer {
            args: self.args,
            via: self.via,
            outputs: &mut self.outputs,
            transcript: &transcript,
            progress,
        };
        let outcome = network.block_on(transfer.run(&host, self.request, options));
        let outcome = outcome.unwrap_or_else(Outcome::failed);
        if let Some(watch) = watch {
            watch.abort();
        }
        let broken = network.device_failure();
        let (facts, tape) = transcript.finish();
        let (records, recorded) = tape.finish(host.records_lost());
        let Outcome { result, tcp, downloaded, redirect_url, verify_result } = outcome;
        let result = result.map_err(|failure| broken.unwrap_or(failure)).and(recorded);
        let waterfall = report::waterfall(&records, &self.args.network, &network.links(), tcp.as_ref());
        let facts = Facts {
            exit: result.as_ref().map_or_else(|failure| failure.exit, |()| Exit::Success),
            error: result.as_ref().err().map(|failure| failure.message().to_owned()),
            downloaded,
            redirect_url,
            verify_result,
            times: waterfall.as_ref().map(report::times).unwrap_or_default(),
            ..facts
        };
        let told =
            tell(self.args, self.style, &self.outputs, self.format.as_ref(), waterfall.as_ref(), &facts);
        let reported = waterfall
            .map_or(Ok(()), |waterfall| report::write(&self.outputs, &waterfall, &facts, tcp.as_ref()));
        result.and(told).and(reported)
    }

    /// Says what the link conditions mean.
    fn announce(&self) {
        if let Some(link) = self.args.network.link().describe()
            && !self.args.silent
        {
            say(&format!("fathom: {link}"));
        }
    }

    fn options(&mut self, roots: Roots, transcript: &Transcript) -> Options {
        let args = self.args;
        Options {
            family: match (args.ipv4, args.ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            version: match (args.http1_1, args.http2, args.http2_prior_knowledge) {
                (true, ..) => Version::Http11,
                (_, true, _) => Version::Http2,
                (.., true) => Version::Http2PriorKnowledge,
                _ => Version::Auto,
            },
            tls: TlsOptions {
                roots: self.roots.take().unwrap_or(roots),
                verify: !args.insecure,
                min_version: match (args.tlsv1_2, args.tlsv1_3) {
                    (_, true) => Some(TlsVersion::Tls13),
                    (true, _) => Some(TlsVersion::Tls12),
                    _ => None,
                },
                max_version: args.tls_max.map(|max| match max {
                    TlsMax::V1_2 => TlsVersion::Tls12,
                    TlsMax::V1_3 => TlsVersion::Tls13,
                }),
            },
            resolve: std::mem::take(&mut self.resolve)
                .into_iter()
                .map(|Resolve { host, port, addresses }| ResolveOverride { host, port, addresses })
                .collect(),
            redirects: Redirects {
                follow: args.location,
                // -1 is no limit; so many redirects take longer than any patience.
                max: u32::try_from(args.max_redirs).unwrap_or(u32::MAX),
                keep_method: self.request.keep_method,
            },
            compressed: args.compressed,
            connect_timeout: args.connect_timeout.filter(|limit| !limit.is_zero()),
            total_timeout: args.max_time.filter(|limit| !limit.is_zero()),
            omit_headers: std::mem::take(&mut self.request.omit),
            observer: Some(transcript.observer()),
        }
    }
}

/// Writes -w and the waterfall. A failure is told by its line alone, unless -v asks for more.
fn tell(
    args: &GetArgs,
    style: Style,
    outputs: &Outputs,
    format: Option<&Format>,
    waterfall: Option<&Waterfall>,
    facts: &Facts,
) -> Result<(), Failure> {
    let mut line_open = outputs.body.leaves_line_open();
    if let Some(format) = format {
        write_out::write(format, facts)?;
        line_open = false;
    }
    if let Some(waterfall) = waterfall
        && !args.silent
        && (facts.exit == Exit::Success || args.verbose > 0)
    {
        let text = waterfall.to_text(style.lens());
        say(&format!("{}{}", if line_open { "\n" } else { "" }, text.trim_end_matches('\n')));
    }
    Ok(())
}

/// The URL of the command line. What curl refuses, and browsers would repair, is refused.
fn url(text: &str, via: &Via) -> Result<Url, Failure> {
    if text.is_empty() {
        return Err(explain::malformed(text, "it is empty"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(explain::malformed(text, "it contains spaces or control characters"));
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && scheme.to_ascii_lowercase().starts_with("http")
        && (rest.is_empty() || rest.starts_with(['/', '?', '#', ':']))
    {
        return Err(explain::malformed(text, "it names no host"));
    }
    parse_url(text).map_err(|error| explain::explain(&error, via))
}

/// The format of -w; `@FILE` reads it.
fn format(text: &str) -> Result<Format, Failure> {
    Ok(match text.strip_prefix('@') {
        None => Format::parse(text),
        Some(name) => Format::parse(&String::from_utf8_lossy(&request::file(name)?)),
    })
}

/// An entry of --resolve.
fn resolve(entry: &str) -> Result<Resolve, Failure> {
    let unclear = |why| Failure::new(Exit::BadOption, format!("'{entry}' does not say an address: {why}"));
    entry.parse().map_err(unclear)
}

/// The certificate authorities of --cacert.
fn roots(path: &str) -> Result<Roots, Failure> {
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::CaFile, format!("could not use the certificate file {path}: {why}"))
            .hint("name a file of certificates in PEM form")
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&crate::failure::reason(&error)))?;
    Roots::from_pem(&pem).map_err(|error| unusable(&error))
}

#[cfg(test)]
mod tests;
