//! Each frame as nested layers, with the reason it was sent for: the text of `-vvvv`.

use std::fmt::Write as _;

use fathom_record::{Direction, Engine, Kind, Layer, LinkFate, Record};
use fathom_wire::Instant;

use crate::dissect::{Dissection, Header, Streams};
use crate::style::{Line, Paint, Style, render};
use crate::{Causes, LinkType};

/// Turns records into text as they come.
///
/// ```text
/// #3  t=+0.020000  →  66 B   why: acknowledges up to 1, because of #2
/// └ eth 02:00:00:00:00:01→02:00:00:00:00:fe  └ ip4 10.0.2.100→93.184.215.14 ttl 64
///   └ tcp 40112→443 seq 1 ack 1 win 501
/// ```
#[derive(Debug)]
pub struct Tracer {
    causes: Causes,
    streams: Streams,
    links: Vec<LinkType>,
    style: Style,
    start: Option<Instant>,
}

impl Tracer {
    /// Times count from the first record. `links` says what the frames of each interface begin with;
    /// Ethernet headers where it says nothing.
    pub fn new(links: &[LinkType], style: Style) -> Self {
        Tracer {
            causes: Causes::new(links),
            streams: Streams::new(),
            links: links.to_vec(),
            style,
            start: None,
        }
    }

    /// Takes the next record and gives the lines to print, if it has any: frames, what links did to
    /// them, what was dropped, and changes of the state of a connection.
    pub fn push(&mut self, record: &Record) -> Option<String> {
        let start = *self.start.get_or_insert(record.at);
        let explained = self.causes.push(record);
        let mut lines = Vec::new();
        match &record.kind {
            Kind::Frame(frame) => {
                let (number, why) = explained?;
                let arrow = match frame.direction {
                    Direction::Transmitted => '→',
                    Direction::Received => '←',
                };
                let mut head = Line::default();
                head.push(Paint::Bold, format!("#{number}"));
                let at = record.at - start;
                let (secs, micros) = (at.as_secs(), at.subsec_micros());
                head.push(Paint::Plain, format!("  t=+{secs}.{micros:06}  {arrow}  {} B", frame.bytes.len()));
                if !why.is_empty() {
                    head.push(Paint::Plain, "   why: ");
                    head.push(Paint::Bold, why);
                }
                lines.push(head);
                let link_type = self.links.get(usize::from(frame.interface.0)).copied().unwrap_or_default();
                let dissection = self.streams.dissect(&frame.bytes, link_type);
                self.nest(&mut lines, &dissection);
            }
            Kind::Engine(engine) => lines.push(self.event(record, engine)?),
            Kind::SpanStart(_) | Kind::SpanNote(..) | Kind::SpanEnd(_) | Kind::TlsSecret(_) => return None,
        }
        Some(render(&lines, self.style))
    }

    /// The headers of the lower layers side by side as far as they fit, each one of the application
    /// layer on a line of its own.
    fn nest(&self, lines: &mut Vec<Line>, dissection: &Dissection) {
        let mut line = Line::default();
        let mut depth = 0;
        for header in &dissection.headers {
            let text = clip(header, self.style.columns().saturating_sub(2 * depth + 2));
            let own_line = header.layer == Layer::Application;
            if line.width() > 0
                && (own_line || line.width() + 4 + text.chars().count() > self.style.columns())
            {
                lines.push(std::mem::take(&mut line));
                depth += 1;
            }
            if line.width() == 0 {
                line.push(Paint::Plain, "  ".repeat(depth));
            } else {
                line.push(Paint::Plain, "  ");
            }
            line.push(Paint::Dim, "└ ");
            let (name, rest) = text.split_once(' ').unwrap_or((&text, ""));
            line.push(Paint::Layer(header.layer), name);
            line.push(Paint::Plain, format!(" {rest}"));
            if own_line {
                lines.push(std::mem::take(&mut line));
            }
        }
        if line.width() > 0 {
            lines.push(line);
        }
        if let Some(problem) = &dissection.problem {
            let mut line = Line::default();
            line.push(Paint::Plain, "  ".repeat(depth + 1));
            line.push(Paint::Bad, format!("✗ {problem}"));
            lines.push(line);
        }
    }

    fn event(&self, record: &Record, engine: &Engine) -> Option<Line> {
        let mut line = Line::default();
        let number = |id: Option<_>| id.and_then(|id| self.causes.frame_number(id));
        let mut text = String::from("  ");
        match engine {
            Engine::TcpState { from, to, .. } => {
                line.push(Paint::Dim, format!("  tcp {from} → {to}"));
                return Some(line);
            }
            Engine::Dropped { reason, len, .. } => match number(record.cause) {
                Some(number) => text += &format!("✗ #{number} dropped: {reason}"),
                None => text += &format!("✗ {len} B dropped: {reason}"),
            },
            Engine::Link { fate, frame, .. } => {
                let what = match fate {
                    LinkFate::Delivered => return None,
                    LinkFate::Lost => "lost on the way",
                    LinkFate::QueueFull => "dropped: the queue of the link is full",
                    LinkFate::TooBig => "dropped: larger than the link's MTU",
                    LinkFate::Reordered => "held back on the way: others overtake it",
                    LinkFate::Duplicated => "doubled on the way",
                    LinkFate::Corrupted => "damaged on the way",
                    LinkFate::Marked => "marked on the way: congestion experienced",
                };
                match number(*frame) {
                    Some(number) => write!(text, "╳ #{number} {what}").ok()?,
                    None => write!(text, "╳ a frame to here was {what}").ok()?,
                }
            }
            _ => return None,
        }
        line.push(Paint::Bad, text);
        Some(line)
    }
}

/// A header's line, cut to `width` characters.
fn clip(header: &Header, width: usize) -> String {
    let text = header.to_string();
    if text.chars().count() <= width {
        return text;
    }
    let cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut + "…"
}

#[cfg(test)]
mod tests;
