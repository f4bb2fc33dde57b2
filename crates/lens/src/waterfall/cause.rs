//! What time is spent on.

use std::time::Duration;

use fathom_record::Limit;

use super::limit_name;

/// A share of a phase's time with one cause.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// What it was spent on.
    pub cause: Cause,
    /// How much.
    pub duration: Duration,
}

/// What time is spent on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Waiting for the way there and back.
    RoundTrips {
        /// How many times.
        count: u32,
    },
    /// The delay that was put on the link, in so many round trips.
    LinkDelay {
        /// How many of them.
        count: u32,
    },
    /// Questions to a resolver, its own work included.
    Queries {
        /// How many different ones.
        count: u32,
    },
    /// A question or answer was lost, and the question asked again.
    QueryLost {
        /// How many times.
        count: u32,
    },
    /// One kind of address was known, and the answer about the other kind was given a little more time.
    OtherAnswer {
        /// What the link did, if it tells of it: `answer lost`.
        lost: Option<&'static str>,
    },
    /// The link address of the next hop was asked for.
    Neighbour,
    /// Segments of ours were lost (or their acknowledgements): from their first sending to the last
    /// repetition.
    Lost {
        /// How they were repaired.
        repair: Repair,
    },
    /// Segments of the peer were missing: data behind the hole waited for them.
    HeadOfLine {
        /// How many frames were missing, or how many holes were seen if only they are known.
        holes: u32,
        /// What is known of how they came about.
        origin: Origin,
    },
    /// Frames were lost at the end of what the peer had to say, or their acknowledgements were, where no
    /// hole shows it: until its timer ran out and it repeated them.
    PeerRepeats {
        /// How many frames were lost; none if they are counted elsewhere.
        frames: u32,
        /// How many frames came damaged.
        damaged: u32,
    },
    /// Frames were held back by the link.
    Held,
    /// Waiting, with nothing that tells for what.
    Waited,
    /// Bits leaving one after the other at the rate of the link.
    Serialisation {
        /// Towards the network.
        up: bool,
        /// Bytes of the frames.
        bytes: u64,
        /// Bits a second.
        rate: u64,
    },
    /// The delay of the link varies.
    Jitter,
    /// The peer waited for acknowledgements before it sent more: its window was not open further.
    PeerWindow {
        /// How many times.
        rounds: u32,
    },
    /// The server paused in the middle of its answer.
    ServerPauses {
        /// How many times.
        count: u32,
    },
    /// Our sender was held back.
    Limited {
        /// By what.
        by: Limit,
    },
    /// Data arriving.
    Transfer {
        /// Bytes of it.
        bytes: u64,
    },
    /// Cryptography and certificates at either end.
    Tls,
    /// The server worked on the answer.
    ServerThink,
    /// Nothing came back from an attempt that was given up for another one.
    Unanswered,
    /// Nobody waited for the network: our own work between the phases.
    Own,
}

/// How a hole in the data came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The link lost frames.
    Lost,
    /// Frames came damaged.
    Damaged,
    /// The link held frames back.
    Reordered,
    /// Nobody told: it was a loss or a reordering somewhere on the path.
    Unknown,
}

/// How lost segments were sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repair {
    /// Repetitions of a SYN.
    pub syn: u32,
    /// Repetitions since the retransmission timer ran out.
    pub timeouts: u32,
    /// Repetitions since acknowledgements showed the loss.
    pub fast: u32,
}

impl Repair {
    /// Repetitions in all.
    pub fn count(&self) -> u32 {
        self.syn + self.timeouts + self.fast
    }
}

impl Cause {
    /// A stable name for people: causes of the same kind have the same.
    pub fn kind(&self) -> &'static str {
        match self {
            Cause::RoundTrips { .. } => "round trips",
            Cause::LinkDelay { .. } => "link delay",
            Cause::Queries { .. } | Cause::OtherAnswer { lost: None } => "resolver",
            Cause::OtherAnswer { lost: Some(_) }
            | Cause::QueryLost { .. }
            | Cause::Lost { .. }
            | Cause::PeerRepeats { .. } => "loss",
            Cause::HeadOfLine { .. } => "head of line",
            Cause::Held => "reordering",
            Cause::Waited => "waiting",
            Cause::Neighbour => "neighbour",
            Cause::Serialisation { .. } => "link rate",
            Cause::Jitter => "jitter",
            Cause::PeerWindow { .. } => "sender's window",
            Cause::Limited { .. } => "sender limited",
            Cause::Transfer { .. } => "transfer",
            Cause::Tls => "TLS",
            Cause::ServerThink | Cause::ServerPauses { .. } => "server think",
            Cause::Unanswered => "failed attempts",
            Cause::Own => "own work",
        }
    }

    /// In words, with the milliseconds unless they are `known` from elsewhere.
    fn words(&self, duration: Duration, known: bool) -> String {
        let ms = milliseconds(duration);
        let and_ms = |words: String| if known { words } else { format!("{words} {ms}") };
        match self {
            Cause::RoundTrips { count } => and_ms(format!("{count} RTT")),
            Cause::LinkDelay { .. } => format!("delay of the link +{ms}"),
            Cause::Queries { count } => and_ms(plural(*count, "query", "queries")),
            Cause::QueryLost { count: 1 } => format!("asked again after {ms}"),
            Cause::QueryLost { count } => format!("asked again {count} times, +{ms}"),
            Cause::OtherAnswer { lost: Some(lost) } => format!("1 {lost}, waited {ms} (RFC 8305)"),
            Cause::OtherAnswer { lost: None } => format!("other answer awaited for {ms} (RFC 8305)"),
            Cause::Neighbour => and_ms("next hop's address".into()),
            Cause::Lost { repair } => lost(*repair, &ms),
            Cause::HeadOfLine { holes, origin } => {
                let what = match origin {
                    Origin::Lost => plural(*holes, "loss on the way here", "losses on the way here"),
                    Origin::Damaged => plural(*holes, "damaged frame", "damaged frames"),
                    Origin::Reordered => plural(*holes, "reordering", "reorderings"),
                    Origin::Unknown => plural(*holes, "hole", "holes"),
                };
                format!("{what}, data waited +{ms}")
            }
            Cause::PeerRepeats { frames, damaged } => peer_repeats(*frames, *damaged, duration, &ms),
            Cause::Held => format!("held back by the link +{ms}"),
            Cause::Waited => and_ms("waited".into()),
            Cause::Serialisation { up, bytes, rate } => {
                let way = if *up { "up" } else { "down" };
                and_ms(format!("{} {way} at {}", amount(*bytes), bit_rate(*rate as f64)))
            }
            Cause::Jitter => format!("jitter +{ms}"),
            Cause::PeerWindow { rounds } => and_ms(format!("{rounds} RTT for the sender's window")),
            Cause::ServerPauses { count } => {
                and_ms(plural(*count, "pause of the server", "pauses of the server"))
            }
            Cause::Limited { by } => and_ms(limit_name(*by).into()),
            Cause::Transfer { bytes: 0 } => and_ms("waited".into()),
            Cause::Transfer { bytes } if known && !duration.is_zero() => {
                let rate = *bytes as f64 * 8.0 / duration.as_secs_f64();
                format!("{} at {}", amount(*bytes), bit_rate(rate))
            }
            Cause::Transfer { bytes } => format!("{} arriving {ms}", amount(*bytes)),
            Cause::Tls => and_ms("crypto".into()),
            Cause::ServerThink => "not the network".into(),
            Cause::Unanswered if known => "no answer".into(),
            Cause::Unanswered => format!("no answer for {ms}"),
            Cause::Own => "fathom itself".into(),
        }
    }
}

/// The shortest retransmission timeout that is in use. A repair in less was not brought about by one.
const SHORTEST_RTO: Duration = Duration::from_millis(200);

fn peer_repeats(frames: u32, damaged: u32, duration: Duration, ms: &str) -> String {
    let by = if duration >= SHORTEST_RTO { " (peer's RTO)" } else { "" };
    let mut what = Vec::new();
    if frames > 0 {
        what.push(plural(frames, "loss", "losses"));
    }
    if damaged > 0 {
        what.push(format!("{damaged} damaged"));
    }
    if what.is_empty() {
        return format!("waited for repetitions +{ms}{by}");
    }
    format!("{}, repaired +{ms}{by}", what.join(" and "))
}

fn lost(repair: Repair, ms: &str) -> String {
    let Repair { syn, timeouts, fast } = repair;
    if syn == repair.count() {
        let times = if syn == 1 { String::new() } else { format!(" {syn} times") };
        return format!("SYN or its answer lost, sent again{times}, +{ms} (RTO)");
    }
    let by = match (timeouts + syn, fast) {
        (1, 0) => "RTO".into(),
        (timeouts, 0) => format!("{timeouts} RTO"),
        (0, 1) => "fast retransmit".into(),
        (0, fast) => format!("{fast} fast retransmits"),
        (timeouts, fast) => format!("{timeouts} RTO, {fast} fast"),
    };
    format!("{}, repaired +{ms} ({by})", plural(repair.count(), "loss", "losses"))
}

/// The parts in words, and the notes. A part that is all of the `whole` does not repeat its milliseconds.
pub(super) fn items(parts: &[Part], notes: &[String], whole: Duration) -> Vec<String> {
    let words = |part: &Part| {
        let known = milliseconds(part.duration) == milliseconds(whole);
        part.cause.words(part.duration, known)
    };
    // Nobody could act on less, unless there is nothing else.
    let shown = |part: &&Part| {
        part.duration >= (whole / 50).clamp(Duration::from_micros(50), Duration::from_millis(1))
    };
    let mut items: Vec<String> = parts.iter().filter(shown).map(words).collect();
    if items.is_empty() {
        items.extend(parts.first().map(words));
    }
    items.extend(notes.iter().cloned());
    items
}

fn plural(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Milliseconds with one decimal: `29.6`.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}

/// Bytes in thousands: `14.2 kB`.
pub(super) fn amount(bytes: u64) -> String {
    scaled(bytes as f64, "B")
}

fn bit_rate(bits: f64) -> String {
    scaled(bits, "bit/s")
}

fn scaled(value: f64, unit: &str) -> String {
    let (divisor, prefix) = match value {
        v if v >= 1e9 => (1e9, "G"),
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let value = value / divisor;
    let text =
        if value >= 100.0 || prefix.is_empty() { format!("{value:.0}") } else { format!("{value:.1}") };
    let text = text.strip_suffix(".0").map_or(text.as_str(), |whole| whole);
    format!("{text} {prefix}{unit}")
}
