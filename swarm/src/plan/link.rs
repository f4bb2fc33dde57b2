//! Links as they are drawn.

use std::fmt;
use std::time::Duration;

use fathom_impair::{BitsPerSecond, ByteCount, Conditions, GilbertElliott, Probability, Reorder};

use super::{Shape, Theme, Themes};
use crate::draw::Draw;
use crate::middlebox::Middlebox;

/// What the devices at the ends of a link do for the stacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offloading {
    /// Nothing: stacks cut and sum.
    Nothing,
    /// They complete checksums, and cut super-segments before these get onto the link.
    Cuts,
    /// Super-segments pass the link whole, with unfinished checksums, as between machines on one host.
    Whole,
}

/// A link.
#[derive(Clone, Debug)]
pub(crate) struct LinkPlan {
    /// The hosts at its ends.
    pub(crate) ends: (usize, usize),
    /// Ethernet, or else IP packets alone.
    pub(crate) ethernet: bool,
    /// The MTU of the interfaces at its ends, in bytes.
    pub(crate) mtu: usize,
    pub(crate) offload: Offloading,
    /// From the first end to the second, and back.
    pub(crate) conditions: [Conditions; 2],
    /// A box on the way.
    pub(crate) middlebox: Option<Middlebox>,
}

impl LinkPlan {
    pub(super) fn draw(
        ends: (usize, usize),
        v6: bool,
        (may_corrupt, shape): (bool, Shape),
        themes: &Themes,
        draw: &mut Draw,
    ) -> LinkPlan {
        let ethernet = draw.coin();
        let mut mtu = mtu(v6, themes, draw);
        if shape == Shape::Router {
            // What a router says about an acknowledgement with all its options is not believed: it is not of
            // data in flight (RFC 5927 4.1). So none must be too large.
            mtu = mtu.max(80);
        }
        let corrupts = may_corrupt && themes.has(Theme::Corruption);
        let offload = match draw.below(4) {
            // A router does not cut what came whole.
            0 if !corrupts && shape != Shape::Router => Offloading::Whole,
            1 => Offloading::Cuts,
            _ => Offloading::Nothing,
        };
        let conditions = [(); 2].map(|()| conditions(corrupts, themes, draw));
        LinkPlan { ends, ethernet, mtu, offload, conditions, middlebox: None }
    }

    /// The same link when faults are over: what is left is how long and how wide it is.
    pub(crate) fn calm(conditions: &Conditions) -> Conditions {
        let Conditions { delay, rate, .. } = *conditions;
        Conditions { delay, rate, ..Conditions::default() }
    }
}

fn mtu(v6: bool, themes: &Themes, draw: &mut Draw) -> usize {
    let least = if v6 { 1280 } else { 576 };
    match draw.below(8) {
        0 => 9000,
        1 => least,
        // The stack counts neither more nor less than what is left for data there.
        2 if !v6 && !themes.has(Theme::Corruption) => draw.between(68, 600) as usize,
        3 => draw.between(least as u64, 1500) as usize,
        4 => draw.between(1500, 65_535) as usize,
        _ => 1500,
    }
}

fn conditions(corrupts: bool, themes: &Themes, draw: &mut Draw) -> Conditions {
    const MS: fn(u64) -> Duration = Duration::from_millis;
    let has = |theme| themes.has(theme);
    let mut it = Conditions::default().delay(draw.time(Duration::from_micros(10), MS(300)));
    if draw.one_in(3) {
        it = it.jitter(draw.time(Duration::from_micros(10), MS(100)));
    }
    if has(Theme::Bottleneck) && draw.below(3) > 0 {
        let rate = draw.scale(64_000, 100_000_000);
        it.rate = BitsPerSecond::new(rate);
        if draw.below(4) > 0 {
            // From less than two frames to more than a second of it.
            it = it.queue(ByteCount(draw.scale(2_000, 200_000)));
        }
        if draw.one_in(4) {
            it = it.ecn_threshold(ByteCount(draw.scale(500, 20_000)));
        }
    }
    if has(Theme::Loss) && draw.below(3) > 0 {
        let most = if draw.one_in(4) { 40 } else { 8 };
        it = it.loss(draw.percent(most));
    }
    if has(Theme::Bursts) && draw.below(3) > 0 {
        let recover = Probability::new(draw.of(&[0.05, 0.1, 0.25, 0.5])).unwrap_or(Probability::ALWAYS);
        it = it.burst(GilbertElliott::new(draw.percent(5), recover));
    }
    if has(Theme::Reordering) && draw.below(3) > 0 {
        let frames = draw.scale(1, 400) as u32;
        let hold = draw.time(MS(1), MS(2000));
        it = it.reorder(Reorder { probability: draw.percent(30), frames, hold });
    }
    if has(Theme::Duplicates) && draw.below(3) > 0 {
        let most = if draw.one_in(3) { 100 } else { 20 };
        it = it.duplicate(draw.percent(most));
    }
    if corrupts {
        it = it.corrupt(draw.percent(10));
    }
    it
}

impl fmt::Display for LinkPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let medium = if self.ethernet { "Ethernet" } else { "IP" };
        let LinkPlan { mtu, offload, conditions: [there, back], middlebox, .. } = self;
        write!(f, "{medium}, MTU {mtu}, devices do {offload:?}; there {there}; back {back}; {middlebox:?}")
    }
}
