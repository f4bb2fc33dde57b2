//! What is told of a transfer after it: the waterfall, as text, picture and JSON.

use std::env;

use fathom_lens::report::{HttpReport, Report, TcpReport};
use fathom_lens::waterfall::Hints;
use fathom_lens::{LinkType, Waterfall};
use fathom_net::TcpInfo;
use fathom_record::Record;

use super::outputs::Outputs;
use crate::args::{Link, NetworkArgs, Via};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::write_out::{Facts, Times};

/// The waterfall of the fetch that `records` tell of; `None` if it never began.
pub(super) fn waterfall(
    records: &[Record],
    network: &NetworkArgs,
    links: &[LinkType],
    tcp: Option<&TcpInfo>,
) -> Option<Waterfall> {
    let link = network.link();
    let mut facts: Vec<String> = tcp.map(|tcp| tcp.congestion_control.to_owned()).into_iter().collect();
    // On a real network the seed only decides what the link conditions do.
    if network.via() == Ok(&Via::Lab) || link != Link::default() {
        facts.push(format!("seed {}", network.seed));
    }
    let Link { up, down } = link;
    let hints = Hints {
        links: links.into(),
        facts,
        rate_up: up.rate.map(|rate| rate.get()),
        rate_down: down.rate.map(|rate| rate.get()),
        // Each way can be longer by its jitter, and the shortest one was shorter by as much.
        jitter: 2 * (up.jitter + down.jitter),
        delay: up.delay + down.delay,
    };
    Waterfall::from_records(records, &hints)
}

/// The waterfall's points in time, as `-w` tells them.
pub(super) fn times(waterfall: &Waterfall) -> Times {
    let timings = waterfall.timings;
    Times {
        namelookup: timings.name_lookup,
        connect: timings.connect,
        appconnect: timings.app_connect,
        pretransfer: timings.pre_transfer,
        posttransfer: timings.post_transfer,
        starttransfer: timings.start_transfer,
        redirect: timings.redirect,
        total: timings.total,
    }
}

/// Writes the reports that were asked for.
///
/// # Errors
///
/// [`Exit::Write`], naming the file.
pub(super) fn write(
    outputs: &Outputs,
    waterfall: &Waterfall,
    facts: &Facts,
    tcp: Option<&TcpInfo>,
) -> Result<(), Failure> {
    if let Some(to) = &outputs.json {
        let report = Report::new(waterfall, http(facts), tcp.map(tcp_report));
        let mut text = serde_json::to_string_pretty(&report).map_err(|error| {
            Failure::new(Exit::Internal, format!("the report cannot be written: {error}"))
        })?;
        text.push('\n');
        to.write_all(text.as_bytes())?;
    }
    if let Some(to) = &outputs.svg {
        to.write_all(waterfall.to_svg(&command_line(env::args()), &outputs.first_lines()).as_bytes())?;
    }
    Ok(())
}

fn http(facts: &Facts) -> Option<HttpReport> {
    Some(HttpReport { version: facts.version?.into(), status: facts.status })
}

fn tcp_report(info: &TcpInfo) -> TcpReport {
    TcpReport {
        rtt_ms: fathom_lens::report::milliseconds(info.rtt),
        segments_sent: info.segments_sent,
        segments_received: info.segments_received,
        retransmits: info.retransmits,
        mss: info.snd_mss,
        congestion_control: info.congestion_control.to_owned(),
    }
}

/// The command line that made a picture, without the option that only names the picture's file.
fn command_line(arguments: impl IntoIterator<Item = String>) -> String {
    let mut words = vec!["fathom".to_owned()];
    let mut arguments = arguments.into_iter().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--svg" {
            arguments.next();
        } else if !argument.starts_with("--svg=") {
            words.push(quoted(argument));
        }
    }
    words.join(" ")
}

/// A word as it would be typed into a shell.
fn quoted(word: String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_a_picture_is_as_typed() {
        let line = |words: &[&str]| command_line(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(
            line(&["/x/fathom", "get", "http://h/", "--svg", "p.svg", "-s"]),
            "fathom get http://h/ -s"
        );
        assert_eq!(line(&["f", "get", "a b", "--svg=p", "it's", ""]), "fathom get 'a b' 'it'\\''s' ''");
    }
}
