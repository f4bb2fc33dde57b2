//! What happens to a world while it runs, as it is drawn.

use std::time::Duration;

use super::{Plan, Shape, Theme};
use crate::draw::Draw;

/// Something that happens to a world.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Change {
    /// A direction of a link carries nothing for so long.
    Stall { link: usize, direction: usize, lasts: Duration },
    /// The link of a host goes down for so long, and the stack is told.
    Down { link: usize, end: usize, lasts: Duration },
    /// An end of a link loses its address for so long.
    Unaddressed { link: usize, end: usize, lasts: Duration },
    /// A host is not run for so long.
    Sleep { host: usize, lasts: Duration },
    /// A host is gone for good.
    Death { host: usize },
    /// Somewhere on the way nothing larger passes for so long; the sender is told by ICMP or not.
    Narrow { link: usize, mtu: usize, tells: bool, lasts: Duration },
    /// A listener is closed, and another opened after so long.
    Relisten { server: usize, lasts: Duration },
    /// Forged SYNs for a port of a host at the end of a link.
    Flood { link: usize, end: usize, port: u16, count: u64, interval: Duration },
}

/// Draws what happens.
pub(super) fn draw(plan: &mut Plan, draw: &mut Draw) {
    let mut changes = Vec::new();
    let themes = plan.themes.clone();
    let end = plan.faults_end;
    let lasts = |draw: &mut Draw| draw.time(Duration::from_millis(1), end.min(Duration::from_secs(15)));
    let link = |draw: &mut Draw| draw.below(plan.links.len() as u64) as usize;
    let side = |draw: &mut Draw| draw.below(2) as usize;
    let mut some = |theme, draw: &mut Draw, make: &mut dyn FnMut(&mut Draw) -> Change| {
        if themes.has(theme) {
            for _ in 0..draw.between(1, 3) {
                // Early, where most happens.
                let at = draw.time(Duration::from_micros(100), end);
                changes.push((at, make(draw)));
            }
        }
    };
    some(Theme::Stalls, draw, &mut |draw| Change::Stall {
        link: link(draw),
        direction: side(draw),
        lasts: lasts(draw),
    });
    some(Theme::LinkDown, draw, &mut |draw| Change::Down {
        link: link(draw),
        end: side(draw),
        lasts: lasts(draw),
    });
    some(Theme::AddressGone, draw, &mut |draw| Change::Unaddressed {
        link: link(draw),
        end: side(draw),
        lasts: lasts(draw),
    });
    some(Theme::Sleep, draw, &mut |draw| Change::Sleep {
        host: draw.below(plan.hosts.len() as u64) as usize,
        lasts: lasts(draw),
    });
    some(Theme::Relisten, draw, &mut |draw| Change::Relisten {
        server: draw.below(4) as usize,
        lasts: lasts(draw),
    });
    some(Theme::PathMtu, draw, &mut |draw| Change::Narrow {
        link: link(draw),
        mtu: if plan.v6 { draw.between(1280, 1500) } else { draw.between(576, 1500) } as usize,
        tells: draw.below(4) > 0,
        lasts: lasts(draw),
    });
    some(Theme::Flood, draw, &mut |draw| {
        // At a server that somebody uses.
        let flow = &plan.flows[draw.below(plan.flows.len() as u64) as usize];
        let link = match (plan.shape, flow.hosts[1]) {
            (Shape::Router, 0) => 0,
            (Shape::Router, _) => 1,
            _ => draw.below(plan.links.len() as u64) as usize,
        };
        let end = usize::from(plan.links[link].ends.1 == flow.hosts[1]);
        let interval = draw.time(Duration::from_micros(1), Duration::from_millis(100));
        Change::Flood { link, end, port: flow.ports[1], count: draw.scale(1, 300), interval }
    });
    if themes.has(Theme::Death) {
        let at = draw.time(Duration::from_millis(1), end);
        // A router that dies takes everybody's way.
        changes.push((at, Change::Death { host: draw.below(plan.hosts.len() as u64) as usize }));
    }
    changes.sort_by_key(|(at, _)| *at);
    plan.changes = changes;
}
