//! What connections cost (performance notes 11).

use core::mem::size_of;

use super::harness::{Host, MSS};
use crate::transport::tcp::connection::{Cold, Connection};
use crate::transport::tcp::half_open::HalfOpen;
use crate::transport::tcp::time_wait::TimeWait;

#[test]
fn an_idle_connection_takes_little() {
    // With its slot in the slab. An entry in the table of flows comes to it: 25 bytes, and as many again
    // when the table has just grown.
    let slots = size_of::<[Connection; 64]>() / 64 + 8;
    let connection = slots + size_of::<Cold>();
    assert!(connection <= 512, "{} + {} bytes", size_of::<Connection>(), size_of::<Cold>());
    assert!(size_of::<HalfOpen>() <= 96, "{} bytes", size_of::<HalfOpen>());
    assert!(size_of::<TimeWait>() <= 80, "{} bytes", size_of::<TimeWait>());
}

#[test]
fn a_connection_gives_its_memory_back_when_all_is_read_and_acknowledged() {
    let mut host = Host::new();
    let mut peer = host.established();
    for _ in 0..50 {
        host.write(peer.id, &[1; 4 * MSS]);
        host.sends(peer.id);
        let ack = peer.acks(4 * MSS as u32);
        host.take(&ack);
        for _ in 0..4 {
            let seg = peer.data(&[2; MSS]);
            host.take(&seg);
        }
        host.read(peer.id);
        host.sends(peer.id);
        assert_eq!(host.memory.in_use(), 0);
    }
    host.pass(core::time::Duration::from_secs(10));
    assert_eq!(host.timers_in_use(), (0, 0), "no timer runs, and none is left in the wheel");
}
