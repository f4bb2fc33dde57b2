//! The records of a run: kept for the waterfall, shown with -vvvv, written with --write.

use std::time::Duration;

use fathom_lens::pcapng::{Capture, Interface, Writer};
use fathom_lens::{LinkType, Tracer};
use fathom_record::{Kind, Record};

use crate::failure::Failure;
use crate::output::{Destination, Sink};

/// Bytes of frames that are kept for the waterfall. A transfer that is larger is explained by its
/// beginning and by the engine's records, which are all kept.
const FRAME_BYTES_KEPT: usize = 256 * 1024 * 1024;

/// An interface of a capture.
fn interface((number, link_type): (usize, &LinkType)) -> Interface {
    let kind = match link_type {
        LinkType::Ethernet => "eth",
        LinkType::Raw => "tun",
    };
    Interface { name: format!("{kind}{number}"), link_type: *link_type }
}

/// The records of a run.
#[derive(Default)]
pub(crate) struct Tape {
    /// Nothing is kept: for runs without an end.
    passes: bool,
    kept: Vec<Record>,
    frame_bytes: usize,
    tracer: Option<Tracer>,
    capture: Option<(Writer<Sink>, Destination)>,
    failure: Option<Failure>,
}

impl Tape {
    /// A tape that is only kept.
    pub(crate) fn new() -> Self {
        Tape::default()
    }

    /// Keeps nothing: records are shown and written only.
    pub(crate) fn without_keeping(mut self) -> Self {
        self.passes = true;
        self
    }

    /// Shows each frame, too.
    pub(crate) fn with_tracer(mut self, tracer: Option<Tracer>) -> Self {
        self.tracer = tracer;
        self
    }

    /// Writes a capture, too, of interfaces with these links. `epoch` is the time since 1970 at the records'
    /// zero, `comment` says what it is of.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn with_capture(
        mut self,
        to: Option<Destination>,
        links: &[LinkType],
        epoch: Duration,
        comment: String,
    ) -> Result<Self, Failure> {
        if let Some(to) = to {
            let capture = Capture {
                interfaces: links.iter().enumerate().map(interface).collect(),
                epoch,
                application: concat!("fathom ", env!("CARGO_PKG_VERSION")).into(),
                comment,
                secrets: true,
            };
            let mut sink = Sink::new(to.clone());
            // What is buffered would tell of a full disk at the end only.
            sink.put(&[])?;
            let writer = Writer::new(sink, capture).map_err(|error| to.failure(&error))?;
            self.capture = Some((writer, to));
        }
        Ok(self)
    }

    /// Takes records in the order of time; `show` gets the text of those that are to be seen.
    pub(crate) fn push(&mut self, records: Vec<Record>, mut show: impl FnMut(&str)) {
        for record in records {
            if let Some(text) = self.tracer.as_mut().and_then(|tracer| tracer.push(&record)) {
                show(&text);
            }
            if let Some((writer, to)) = &mut self.capture
                && let Err(error) = writer.push(&record)
            {
                self.failure = Some(to.failure(&error));
                self.capture = None;
            }
            if !self.passes && self.is_kept(&record) {
                self.kept.push(record);
            }
        }
    }

    fn is_kept(&mut self, record: &Record) -> bool {
        if let Kind::Frame(frame) = &record.kind {
            if self.frame_bytes > FRAME_BYTES_KEPT {
                return false;
            }
            self.frame_bytes += frame.bytes.len();
        }
        true
    }

    /// Completes the capture, and gives what was kept. `lost` is how many records never came here.
    pub(crate) fn finish(mut self, lost: u64) -> (Vec<Record>, Result<(), Failure>) {
        if let Some((writer, to)) = self.capture.take() {
            let finished = writer.finish(lost).map_err(|error| to.failure(&error));
            if let Err(failure) = finished.and_then(|mut sink| sink.finish()) {
                self.failure = Some(failure);
            }
        }
        (self.kept, self.failure.map_or(Ok(()), Err))
    }
}
