//! What becomes of frames.

use core::fmt;

/// One thing that a link does to a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Fate {
    /// Lost on the way, by chance alone or in a burst.
    Lost,
    /// Dropped at the entry: the queue was full, or the link holds as many frames as it may.
    QueueFull,
    /// Dropped at the entry: larger than the link's MTU.
    TooBig,
    /// Held back, so that frames sent later overtake it.
    Reordered,
    /// Delivered twice.
    Duplicated,
    /// Delivered with one bit flipped.
    Corrupted,
    /// Delivered with ECN congestion experienced set.
    Marked,
}

impl Fate {
    const ALL: [Fate; 7] = [
        Fate::Lost,
        Fate::QueueFull,
        Fate::TooBig,
        Fate::Reordered,
        Fate::Duplicated,
        Fate::Corrupted,
        Fate::Marked,
    ];

    /// Whether the frame never arrives.
    pub const fn is_drop(self) -> bool {
        matches!(self, Fate::Lost | Fate::QueueFull | Fate::TooBig)
    }
}

/// All that befell one frame. Empty: it is delivered once, unchanged and in order.
///
/// A dropped frame has exactly one fate; a delivered one can have several.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fates(u8);

impl Fates {
    /// Whether nothing befell the frame.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `fate` is among them.
    pub const fn contains(self, fate: Fate) -> bool {
        self.0 & (1 << fate as u8) != 0
    }

    /// Why the frame never arrives; `None` when it does.
    pub fn dropped(self) -> Option<Fate> {
        self.iter().find(|fate| fate.is_drop())
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Fate> {
        Fate::ALL.into_iter().filter(move |fate| self.contains(*fate))
    }

    pub(crate) fn add(&mut self, fate: Fate) {
        self.0 |= 1 << fate as u8;
    }
}

impl From<Fate> for Fates {
    fn from(fate: Fate) -> Self {
        Fates(1 << fate as u8)
    }
}

impl fmt::Debug for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// How many frames met which fate.
///
/// No frame is unaccounted for: `pushed + duplicated = delivered + lost + queue_full + too_big` and
/// the [frames in flight](crate::Impairment::in_flight).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Frames given to the link.
    pub pushed: u64,
    /// Frames taken from it, copies included.
    pub delivered: u64,
    /// Frames lost on the way.
    pub lost: u64,
    /// Frames that found the queue full.
    pub queue_full: u64,
    /// Frames larger than the MTU.
    pub too_big: u64,
    /// Frames held back for others to overtake.
    pub reordered: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Frames with a flipped bit.
    pub corrupted: u64,
    /// Frames marked with congestion experienced.
    pub marked: u64,
}

impl Counters {
    pub(crate) fn count(&mut self, fates: Fates) {
        self.pushed += 1;
        for fate in fates.iter() {
            *match fate {
                Fate::Lost => &mut self.lost,
                Fate::QueueFull => &mut self.queue_full,
                Fate::TooBig => &mut self.too_big,
                Fate::Reordered => &mut self.reordered,
                Fate::Duplicated => &mut self.duplicated,
                Fate::Corrupted => &mut self.corrupted,
                Fate::Marked => &mut self.marked,
            } += 1;
        }
    }
}
