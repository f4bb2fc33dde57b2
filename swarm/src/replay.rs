//! One world again, with everything that happens in it written down.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fathom_lens::{LinkType, Style, Tracer, pcapng};
use fathom_record::{Kind, Record};

use crate::outcome::{Failure, Passed};
use crate::plan::Plan;
use crate::world::{Witness, World};

/// What a replay has left behind.
#[derive(Debug)]
pub struct Replay {
    /// What came of the world.
    pub outcome: Result<Passed, Failure>,
    /// Everything that happened, one line for each.
    pub record: PathBuf,
    /// The frames of each host.
    pub captures: Vec<PathBuf>,
}

/// Runs the world of a seed and writes a record and a capture of each host into `folder`.
///
/// # Errors
/// Those of the files.
pub fn replay(seed: u64, folder: &Path) -> io::Result<Replay> {
    std::fs::create_dir_all(folder)?;
    let plan = Plan::draw(seed);
    let record = folder.join(format!("seed-{seed}.txt"));
    let mut scribe = Scribe::new(&plan, &record, folder)?;
    let outcome = crate::campaign::caught(seed, || {
        World::new(&plan, None, Some(&mut scribe)).run().map_err(|failure| *failure)
    });
    let captures = scribe.finish(&outcome)?;
    Ok(Replay { outcome, record, captures })
}

/// Writes down what happens.
struct Scribe {
    out: BufWriter<File>,
    hosts: Vec<Host>,
    at: Duration,
    /// The first thing that went wrong with the files.
    error: Option<io::Error>,
}

struct Host {
    name: &'static str,
    tracer: Tracer,
    capture: pcapng::Writer<BufWriter<File>>,
    path: PathBuf,
}

impl Scribe {
    fn new(plan: &Plan, record: &Path, folder: &Path) -> io::Result<Scribe> {
        let mut hosts = Vec::new();
        for (number, of) in plan.hosts.iter().enumerate() {
            let at = plan.links.iter().filter(|link| link.ends.0 == number || link.ends.1 == number);
            let links: Vec<LinkType> =
                at.map(|link| if link.ethernet { LinkType::Ethernet } else { LinkType::Raw }).collect();
            let interface = |(number, link_type): (usize, &LinkType)| pcapng::Interface {
                name: format!("eth{number}"),
                link_type: *link_type,
            };
            let capture = pcapng::Capture {
                interfaces: links.iter().enumerate().map(interface).collect(),
                epoch: Duration::ZERO,
                application: concat!("fathom-swarm ", env!("CARGO_PKG_VERSION")).into(),
                comment: format!("seed {}, as {} saw it", plan.seed, of.name),
                secrets: false,
            };
            let path = folder.join(format!("seed-{}-{}.pcapng", plan.seed, of.name));
            let out = BufWriter::new(File::create(&path)?);
            let tracer = Tracer::new(&links, Style::plain(200));
            hosts.push(Host { name: of.name, tracer, capture: pcapng::Writer::new(out, capture)?, path });
        }
        let out = BufWriter::new(File::create(record)?);
        Ok(Scribe { out, hosts, at: Duration::ZERO, error: None })
    }

    fn keep<T>(&mut self, result: io::Result<T>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    fn finish(mut self, outcome: &Result<Passed, Failure>) -> io::Result<Vec<PathBuf>> {
        match outcome {
            Ok(passed) => writeln!(self.out, "\n{}", passed.tally)?,
            Err(failure) => writeln!(self.out, "\n{failure}")?,
        }
        self.out.flush()?;
        let mut paths = Vec::new();
        for host in self.hosts {
            host.capture.finish(0)?;
            paths.push(host.path);
        }
        self.error.map_or(Ok(paths), Err)
    }
}

impl Witness for Scribe {
    fn note(&mut self, at: Duration, what: std::fmt::Arguments<'_>) {
        self.at = at;
        let written = writeln!(self.out, "{:>14.6}  {what}", at.as_secs_f64());
        self.keep(written);
    }

    fn records(&mut self, host: usize, records: Vec<Record>) {
        let at = self.at.as_secs_f64();
        for record in records {
            let host = &mut self.hosts[host];
            let mut lines = host.tracer.push(&record).unwrap_or_default();
            if lines.is_empty()
                && let Kind::Engine(engine) = &record.kind
            {
                lines = format!("{engine:?}");
            }
            let written = host.capture.push(&record);
            let name = host.name;
            self.keep(written);
            for line in lines.lines() {
                let written = writeln!(self.out, "{at:>14.6}    {name}  {line}");
                self.keep(written);
            }
        }
    }
}
