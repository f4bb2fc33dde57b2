//! The waterfall as lines of text.

use std::net::SocketAddr;
use std::time::Duration;

use super::cause::{amount, milliseconds};
use super::{Headline, Phase, PhaseOutcome, Waterfall};
use crate::style::{Line, Paint, wrap, wrap_items};

/// Columns of layer, protocol and label.
const NAMES: usize = 22;
/// Columns of the milliseconds, at least.
const NUMBER: usize = 8;
/// Columns between the numbers and the reasons.
const GAP: usize = 3;

/// The whole picture, `columns` wide.
pub(super) fn lines(waterfall: &Waterfall, columns: usize) -> Vec<Line> {
    let names = if columns < 80 { NAMES - 4 } else { NAMES };
    // Bars get a third of what is left, reasons the rest.
    let number = NUMBER.max(milliseconds(waterfall.total).len() + 2);
    let bars = (columns.saturating_sub(names + number + GAP) / 2).clamp(12, 50);
    let layout = Layout { names, bars, number, columns, total: waterfall.total };
    let mut lines = headline(&waterfall.headline, columns);
    lines.push(layout.scale());
    for (place, phase) in waterfall.phases.iter().enumerate() {
        let new_hop = place == 0 || waterfall.phases[place - 1].hop != phase.hop;
        if waterfall.hops.len() > 1
            && new_hop
            && let Some(url) = waterfall.hops.get(phase.hop)
        {
            lines.extend(wrap(url, columns).into_iter().map(|text| Line(vec![(Paint::Bold, text)])));
        }
        lines.extend(layout.row(phase));
    }
    lines.push(layout.sum());
    lines.extend(causes(waterfall, columns));
    lines
}

/// Whether the host of a URL is the address itself, with or without its port.
fn names(host: &str, remote: SocketAddr) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    address == Ok(remote.ip()) || host.parse() == Ok(remote)
}

/// What came back, from where, over what; on several lines if it must.
fn headline(headline: &Headline, columns: usize) -> Vec<Line> {
    let Headline { status, bytes, host, remote, facts } = headline;
    let from = match (host, remote) {
        (Some(host), Some(remote)) if names(host, *remote) => Some(remote.to_string()),
        (Some(host), Some(remote)) => Some(format!("{host} → {remote}")),
        (Some(host), None) => Some(host.clone()),
        (None, remote) => remote.map(|remote| remote.to_string()),
    };
    let mut lines = vec![Line::default()];
    let mut add = |paint: Paint, piece: String| {
        let taken = lines.last().map_or(0, Line::width);
        if taken > 0 && taken + 3 + piece.chars().count() > columns {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            line.push(Paint::Plain, if line.width() > 0 { "   " } else { "" });
            line.push(paint, piece);
        }
    };
    let items = [(Paint::Bold, status.clone()), (Paint::Plain, bytes.map(amount)), (Paint::Plain, from)];
    for (paint, item) in items {
        for piece in item.iter().flat_map(|item| wrap(item, columns)) {
            add(paint, piece);
        }
    }
    for piece in wrap_items(facts, columns) {
        add(Paint::Plain, piece);
    }
    lines.retain(|line| line.width() > 0);
    lines
}

/// Where the time went, all phases together: the parts of the whole.
fn causes(waterfall: &Waterfall, columns: usize) -> Vec<Line> {
    let mut causes = waterfall.causes();
    causes.retain(|(_, sum)| *sum >= Duration::from_micros(50));
    if causes.len() < 2 {
        return Vec::new();
    }
    let text: Vec<String> =
        causes.iter().map(|(name, sum)| format!("{name} {}", milliseconds(*sum))).collect();
    wrap_items(&text, columns - 6)
        .into_iter()
        .enumerate()
        .map(|(place, text)| {
            let mut line = Line::default();
            line.push(Paint::Bold, if place == 0 { "where" } else { "" });
            line.pad_to(6);
            line.push(Paint::Plain, text);
            line
        })
        .collect()
}

struct Layout {
    names: usize,
    bars: usize,
    number: usize,
    columns: usize,
    total: Duration,
}

impl Layout {
    /// The axis: numbers where their time begins.
    fn scale(&self) -> Line {
        let mut line = Line::default();
        line.pad_to(self.names);
        let step = step(self.total, self.bars);
        let mut tick = Duration::ZERO;
        while tick < self.total {
            let column = self.names + self.column(tick);
            let text = number(tick);
            let is_last = tick + step >= self.total;
            if column >= line.width() {
                line.pad_to(column);
                line.push(Paint::Dim, if is_last { text + " ms" } else { text });
            }
            tick += step;
        }
        line
    }

    fn row(&self, phase: &Phase) -> Vec<Line> {
        let paint = match phase.name {
            "gap" | "server_think" => Paint::Dim,
            _ => Paint::Layer(phase.layer),
        };
        let mut line = Line::default();
        // The server's time and our own are on no layer of the network.
        let letter = if paint == Paint::Dim { ' ' } else { phase.layer.letter() };
        line.push(paint, format!("{letter} "));
        if paint != Paint::Dim {
            line.push(paint, format!("{:<5}", phase.protocol));
        }
        let label: String = phase.label.chars().take(self.names - 1 - line.width()).collect();
        line.push(if phase.outcome == PhaseOutcome::Done { Paint::Plain } else { Paint::Dim }, label);
        line.pad_to(self.names);
        self.bar(&mut line, phase, paint);
        line.pad_to(self.names + self.bars);
        line.push(Paint::Bold, format!("{:>width$}", milliseconds(phase.duration), width = self.number));
        let indent = self.names + self.bars + self.number + GAP;
        let reason_paint = match phase.outcome {
            PhaseOutcome::Failed(_) => Paint::Bad,
            PhaseOutcome::GivenUp => Paint::Dim,
            PhaseOutcome::Done => Paint::Plain,
        };
        let mut lines = vec![line];
        for (place, text) in wrap_items(&phase.reasons(), self.columns - indent).into_iter().enumerate() {
            if place > 0 {
                lines.push(Line::default());
            }
            if let Some(line) = lines.last_mut() {
                line.pad_to(indent);
                line.push(reason_paint, text);
            }
        }
        lines
    }

    fn bar(&self, line: &mut Line, phase: &Phase, paint: Paint) {
        let start = self.column(phase.start).min(self.bars - 1);
        let end = self.column(phase.start + phase.duration).clamp(start, self.bars);
        let (start, filled, end) = if end > start { (start, '▇', end) } else { (start, '▏', start + 1) };
        let filled = match (phase.name, &phase.outcome) {
            ("server_think" | "gap", _) => '░',
            (_, PhaseOutcome::GivenUp) => '┄',
            _ => filled,
        };
        line.pad_to(self.names + start);
        let lost: Vec<usize> = phase.losses.iter().map(|at| self.column(*at).clamp(start, end - 1)).collect();
        for column in start..end {
            let failed = column + 1 == end && matches!(phase.outcome, PhaseOutcome::Failed(_));
            if failed {
                line.push(Paint::Bad, "✗");
            } else if lost.contains(&column) {
                line.push(Paint::Bad, "╳");
            } else {
                line.push(paint, filled.to_string());
            }
        }
    }

    fn sum(&self) -> Line {
        let mut line = Line::default();
        let number = format!("{:>width$}", milliseconds(self.total), width = self.number);
        line.pad_to(self.names + self.bars - "total".len());
        line.push(Paint::Plain, "total");
        line.push(Paint::Bold, number);
        line
    }

    /// The column of a time since the start, to the nearest edge.
    fn column(&self, time: Duration) -> usize {
        if self.total.is_zero() {
            return 0;
        }
        (time.as_secs_f64() / self.total.as_secs_f64() * self.bars as f64).round() as usize
    }
}

/// The distance of ticks: 1, 2 or 5 times a power of ten, so that numbers have room.
fn step(total: Duration, columns: usize) -> Duration {
    let ticks = (columns / 7).max(1) as u32;
    let wanted = (total / ticks).as_nanos().max(1);
    let mut power = 1_u128;
    while power * 10 <= wanted {
        power *= 10;
    }
    let factor = [1, 2, 5, 10].into_iter().find(|factor| power * factor >= wanted).unwrap_or(10);
    Duration::from_nanos(u64::try_from(power * factor).unwrap_or(u64::MAX))
}

/// Milliseconds with as many decimals as they need.
fn number(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64() * 1e3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_asked_for_by_its_address_is_named_once() {
        for (host, remote, shown) in [
            ("10.0.0.1", "10.0.0.1:80", "10.0.0.1:80"),
            ("10.0.0.1:8000", "10.0.0.1:8000", "10.0.0.1:8000"),
            ("[fd00::1]", "[fd00::1]:80", "[fd00::1]:80"),
            ("[fd00::1]:81", "[fd00::1]:81", "[fd00::1]:81"),
            ("10.0.0.1", "10.0.0.2:80", "10.0.0.1 → 10.0.0.2:80"),
            ("a.test", "10.0.0.1:80", "a.test → 10.0.0.1:80"),
        ] {
            let remote = remote.parse().ok();
            let headline = Headline { host: Some(host.into()), remote, ..Headline::default() };
            let line: String = super::headline(&headline, 100)[0].0.iter().map(|(_, text)| &**text).collect();
            assert_eq!(line.trim(), shown);
        }
    }
}
