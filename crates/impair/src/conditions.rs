//! What a link does to frames, as data.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::words::{Probability, TimeSpan, WordError, parts};
use crate::{BitsPerSecond, ByteCount};

/// The conditions of one direction of a link. The default is a perfect link: no delay, no limit, no loss.
///
/// A frame goes through them in this order:
///
/// 1. **entry**: [`mtu`](Self::mtu); then the queue in front of the line, [`queue`](Self::queue) and
///    [`ecn_threshold`](Self::ecn_threshold);
/// 2. **the line**: [`rate`](Self::rate);
/// 3. **the way**: [`burst`](Self::burst) and [`loss`](Self::loss), [`corrupt`](Self::corrupt),
///    [`duplicate`](Self::duplicate), [`delay`](Self::delay) and [`jitter`](Self::jitter),
///    [`reorder`](Self::reorder).
///
/// So a frame that is lost has taken its room in the queue and its time on the line, as it does on a
/// real link, and losses do not change the timing of the others.
#[derive(Clone, PartialEq, Debug)]
pub struct Conditions {
    /// Time that every frame is on the way, one way, after its last bit left.
    pub delay: Duration,
    /// How far the delay varies: uniformly by up to this much more or less, for each frame by itself.
    ///
    /// A delay is never below zero, so a jitter larger than the delay is cut there. Jitter alone never
    /// changes the order: a frame that would overtake the one before it arrives together with it.
    pub jitter: Duration,
    /// Bits a second at which frames leave, one after the other; `None`: at once.
    ///
    /// A frame takes its own length, link header included and no overhead beside it (no preamble, check
    /// sequence or gap). Fractions of a nanosecond are carried over, so the rate is exact in the long run.
    pub rate: Option<BitsPerSecond>,
    /// Bytes that may wait for the line; a frame that does not fit is dropped (drop tail). `None`: no limit.
    ///
    /// The frame that the line is sending does not count. Without a [`rate`](Self::rate) nothing waits.
    pub queue: Option<ByteCount>,
    /// A frame that finds more bytes than this waiting gets ECN congestion experienced, if its sender
    /// declared itself capable of ECN (RFC 3168 5); others are not touched. `None`: no marking.
    pub ecn_threshold: Option<ByteCount>,
    /// Chance that a frame is lost, independent of the others.
    pub loss: Probability,
    /// Loss in bursts, beside [`loss`](Self::loss).
    pub burst: Option<GilbertElliott>,
    /// Chance that one bit behind the link header is flipped: an error that the link did not notice.
    pub corrupt: Probability,
    /// Chance that a frame arrives twice. The copy comes directly behind it and is like it bit for bit.
    pub duplicate: Probability,
    /// Frames that others overtake.
    pub reorder: Option<Reorder>,
    /// Largest payload of the link in bytes, link header not counted; larger frames are dropped without
    /// a word, as by a switch. `None`: no limit.
    pub mtu: Option<usize>,
    /// Frames that may be inside the link at once: waiting, on the line and on the way. One more is
    /// dropped as if the queue were full. Keeps a link with a long delay from filling the memory.
    pub limit_frames: usize,
}

impl Conditions {
    /// The default of [`limit_frames`](Self::limit_frames): a quarter of a million full frames, which is
    /// 10 Gbit/s over 300 ms.
    pub const LIMIT_FRAMES: usize = 1 << 18;
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: None,
            queue: None,
            ecn_threshold: None,
            loss: Probability::NEVER,
            burst: None,
            corrupt: Probability::NEVER,
            duplicate: Probability::NEVER,
            reorder: None,
            mtu: None,
            limit_frames: Self::LIMIT_FRAMES,
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty => $value:expr),* $(,)?) => {
        /// Setters, to be chained.
        impl Conditions {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, $name: $type) -> Self {
                    self.$name = $value;
                    self
                }
            )*
        }
    };
}

setters! {
    delay: Duration => delay,
    jitter: Duration => jitter,
    rate: BitsPerSecond => Some(rate),
    queue: ByteCount => Some(queue),
    ecn_threshold: ByteCount => Some(ecn_threshold),
    loss: Probability => loss,
    burst: GilbertElliott => Some(burst),
    corrupt: Probability => corrupt,
    duplicate: Probability => duplicate,
    reorder: Reorder => Some(reorder),
    mtu: usize => Some(mtu),
    limit_frames: usize => limit_frames,
}

impl fmt::Display for Conditions {
    /// What is not perfect, as a person would say it: `delay 40 ms, rate 10 Mbit/s, loss 1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conditions {
            delay,
            jitter,
            rate,
            queue,
            ecn_threshold,
            loss,
            burst,
            corrupt,
            duplicate,
            reorder,
            mtu,
            limit_frames: _,
        } = self;
        let mut list = List { f, empty: true };
        list.item(!delay.is_zero(), &format_args!("delay {}", TimeSpan(*delay)))?;
        list.item(!jitter.is_zero(), &format_args!("jitter ±{}", TimeSpan(*jitter)))?;
        list.option(rate, "rate ", "")?;
        list.option(queue, "queue ", "")?;
        list.option(ecn_threshold, "ECN marks above ", "")?;
        list.item(!loss.is_never(), &format_args!("loss {loss}"))?;
        list.option(burst, "burst loss ", "")?;
        list.item(!corrupt.is_never(), &format_args!("corrupt {corrupt}"))?;
        list.item(!duplicate.is_never(), &format_args!("duplicate {duplicate}"))?;
        list.option(reorder, "reorder ", "")?;
        list.option(mtu, "MTU ", " B")?;
        if list.empty { f.write_str("perfect") } else { Ok(()) }
    }
}

/// Writes items with commas between them.
struct List<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    empty: bool,
}

impl List<'_, '_> {
    fn item(&mut self, present: bool, item: &dyn fmt::Display) -> fmt::Result {
        if !present {
            return Ok(());
        }
        if !core::mem::take(&mut self.empty) {
            self.f.write_str(", ")?;
        }
        write!(self.f, "{item}")
    }

    fn option<T: fmt::Display>(&mut self, value: &Option<T>, before: &str, after: &str) -> fmt::Result {
        match value {
            Some(value) => self.item(true, &format_args!("{before}{value}{after}")),
            None => Ok(()),
        }
    }
}

/// Loss in bursts: a link that is either good or bad, and loses more while it is bad (Gilbert 1960,
/// Elliott 1963).
///
/// For each frame the state changes first, then the frame is lost with the chance of the state it is in.
/// The link starts good, and is good again after [`IDLE`](Self::IDLE) without a frame: who waits long
/// enough before trying again does not find the same burst. On a busy link the share
/// [`bad`](Self::share_bad) of the frames meets a bad link in the long run, for `1 / recover` frames at a
/// stretch.
///
/// As words: `1%,25%` enters a burst at one frame in a hundred and leaves it at one in four, so bursts
/// are 4 frames long on average; `1%,25%,80%,0.1%` adds the chances of loss in a burst and outside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GilbertElliott {
    /// Chance for a frame that finds the link good to turn it bad: p.
    pub enter: Probability,
    /// Chance for a frame that finds the link bad to turn it good: r.
    pub recover: Probability,
    /// Chance of loss while the link is bad: 1 − h.
    pub loss_bad: Probability,
    /// Chance of loss while the link is good: 1 − k.
    pub loss_good: Probability,
}

impl GilbertElliott {
    /// A burst does not outlast a silence of this length.
    pub const IDLE: Duration = Duration::from_millis(100);

    /// Bursts in which everything is lost and outside of which nothing is.
    pub fn new(enter: Probability, recover: Probability) -> Self {
        GilbertElliott { enter, recover, loss_bad: Probability::ALWAYS, loss_good: Probability::NEVER }
    }

    /// Share of the frames that meet a bad link in the long run: `p / (p + r)`.
    ///
    /// For p = 1 % and r = 25 %: 0.01 / 0.26 = 3.8 %.
    pub fn share_bad(&self) -> f64 {
        let (p, r) = (self.enter.get(), self.recover.get());
        if p == 0.0 { 0.0 } else { p / (p + r) }
    }

    /// Share of the frames that are lost in the long run.
    pub fn mean_loss(&self) -> f64 {
        let bad = self.share_bad();
        bad * self.loss_bad.get() + (1.0 - bad) * self.loss_good.get()
    }
}

impl FromStr for GilbertElliott {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let mut parts =
            parts("burst loss", "ENTER,RECOVER[,LOSS_BAD[,LOSS_GOOD]], such as 1%,25%", text, 2, 4)?;
        let mut next = || parts.next().map(Probability::from_str).transpose();
        let mut burst = GilbertElliott::new(
            next()?.unwrap_or(Probability::NEVER),
            next()?.unwrap_or(Probability::ALWAYS),
        );
        burst.loss_bad = next()?.unwrap_or(burst.loss_bad);
        burst.loss_good = next()?.unwrap_or(burst.loss_good);
        Ok(burst)
    }
}

impl fmt::Display for GilbertElliott {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GilbertElliott { enter, recover, loss_bad, loss_good } = self;
        write!(f, "{enter},{recover}")?;
        if !loss_bad.is_always() || !loss_good.is_never() {
            write!(f, ",{loss_bad}")?;
        }
        if !loss_good.is_never() {
            write!(f, ",{loss_good}")?;
        }
        Ok(())
    }
}

/// Frames that others overtake.
///
/// A chosen frame is held until [`frames`](Self::frames) of those sent after it and not chosen
/// themselves have arrived, and arrives directly behind the last of them; but it is never held longer
/// than [`hold`](Self::hold) after the time it would have arrived at. On a quiet link it is only late.
///
/// As words: `5%`, `5%,3` or `5%,3,10ms`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// Chance that a frame is chosen.
    pub probability: Probability,
    /// How many later frames pass it, at least one. Three is what makes a TCP sender take it for lost (RFC 5681 3.2).
    pub frames: u32,
    /// How long it is held at most.
    pub hold: Duration,
}

impl Reorder {
    /// Later frames that pass a held one, unless said otherwise.
    pub const FRAMES: u32 = 3;
    /// Longest time a frame is held, unless said otherwise.
    pub const HOLD: Duration = Duration::from_millis(10);

    /// Frames chosen with `probability`, each passed by [`FRAMES`](Self::FRAMES) others within
    /// [`HOLD`](Self::HOLD).
    pub fn new(probability: Probability) -> Self {
        Reorder { probability, frames: Self::FRAMES, hold: Self::HOLD }
    }
}

impl FromStr for Reorder {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        const FORM: &str = "CHANCE[,FRAMES[,TIME]], such as 5%,3,10ms";
        let mut parts = parts("reordering", FORM, text, 1, 3)?;
        let mut reorder = Reorder::new(parts.next().unwrap_or_default().parse()?);
        if let Some(frames) = parts.next() {
            let error = || WordError::Form { what: "reordering", text: text.into(), form: FORM };
            reorder.frames = frames.trim().parse().ok().filter(|frames| *frames > 0).ok_or_else(error)?;
        }
        if let Some(hold) = parts.next() {
            reorder.hold = hold.parse::<TimeSpan>()?.0;
        }
        Ok(reorder)
    }
}

impl fmt::Display for Reorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reorder { probability, frames, hold } = self;
        write!(f, "{probability},{frames},{}", TimeSpan(*hold))
    }
}

#[cfg(test)]
mod tests;
