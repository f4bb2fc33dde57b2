//! When a world begins: at a time at which sequence numbers or timestamps are just before an edge.
//!
//! Both follow from the clock and from a secret of each stack (RFC 6528 3, RFC 7323 5.4). The secret is not
//! asked for: another stack of the same seed shows the number that it would begin with at some time, and
//! from there it is counted.

use std::net::SocketAddr;
use std::time::Duration;

use fathom_stack::{Batch, Frame, Stack, TcpConnect, TcpListen};
use fathom_wire::{Instant, IpHeader, TcpHeader};

use crate::node::stack;
use crate::plan::{Edge, Plan};

/// When the numbers are looked at.
const LOOKED_AT: Instant = Instant::from_millis(1);

/// When the world of a plan begins.
pub(crate) fn begin(plan: &Plan) -> Instant {
    let ordinary = Instant::from_millis(1 + plan.seed % 100_000);
    let Some(edge) = plan.edge else { return ordinary };
    let Some(syns) = syns(plan) else { return ordinary };
    let flow = &plan.flows[0];
    let latency: Duration = plan.links.iter().map(|link| link.conditions[0].delay).sum();
    let until = |end: usize| flow.start + if end == 1 { latency } else { Duration::ZERO };
    match edge {
        Edge::Sequence { end, at } => {
            let ticks = at.wrapping_sub(syns[end].seq.0);
            let wanted = LOOKED_AT + Duration::from_micros(4 * u64::from(ticks));
            later(wanted, until(end), Duration::from_micros(4 << 32))
        }
        Edge::Timestamp { end, at } => match syns[end].options.timestamps {
            Some(stamp) => {
                let ticks = at.wrapping_sub(stamp.value);
                let wanted = LOOKED_AT + Duration::from_millis(ticks.into());
                later(wanted, until(end), Duration::from_millis(1 << 32))
            }
            None => ordinary,
        },
    }
}

/// So much before `wanted`, or before the next time at which it is the same again.
fn later(wanted: Instant, before: Duration, period: Duration) -> Instant {
    let wanted =
        if wanted < Instant::ZERO + before + Duration::from_millis(1) { wanted + period } else { wanted };
    wanted - before
}

/// The SYN and the SYN-ACK of the first flow at a known time; `None` when there are none.
fn syns(plan: &Plan) -> Option<[TcpHeader; 2]> {
    let flow = plan.flows.first()?;
    let [client, server] = flow.hosts;
    let at = |side: usize| {
        SocketAddr::new(plan.address_of(flow.hosts[side], flow.hosts[1 - side]), flow.ports[side])
    };
    let options =
        |side: usize| fathom_stack::TcpOptions { interface: None, ..flow.ends[side].options.clone() };
    let (mut a, of_a) = stack(plan, client, LOOKED_AT, true);
    let (mut b, of_b) = stack(plan, server, LOOKED_AT, true);
    let connect = TcpConnect { remote: at(1), local: Some(at(0)), options: options(0) };
    a.tcp_connect(LOOKED_AT, connect).ok()?;
    let syn = of_a.iter().find_map(|(id, ..)| pull(&mut a, *id))?;
    b.tcp_listen(LOOKED_AT, TcpListen { options: options(1), ..TcpListen::at(at(1)) }).ok()?;
    let mut syn_ack = None;
    for (id, ..) in &of_b {
        let mut batch = Batch::new();
        batch.push(Frame {
            checksum: fathom_stack::ReceivedChecksum::Valid,
            ..Frame::new(syn.clone().into())
        });
        b.handle_frames(LOOKED_AT, *id, &mut batch);
        syn_ack = syn_ack.or(pull(&mut b, *id));
    }
    let header = |packet: &[u8]| TcpHeader::parse(&packet[IpHeader::parse(packet).ok()?.header_len()..]).ok();
    Some([header(&syn)?, header(&syn_ack?)?])
}

fn pull(stack: &mut Stack, id: fathom_stack::InterfaceId) -> Option<Vec<u8>> {
    stack.poll_transmit(LOOKED_AT, id).map(|frame| Vec::from(&frame))
}
