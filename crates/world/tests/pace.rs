//! A world at the pace of real time.
#![allow(clippy::disallowed_methods, reason = "these tests look at real time from outside")]

mod common;

use std::time::{Duration, Instant};

use common::{A4, B4, at, ms, pair};
use fathom_impair::Conditions;
use fathom_net::blocking;
use fathom_world::Pace;

#[test]
fn time_is_not_faster_than_real_time() {
    let mut net = pair(1, Conditions::default());
    net.world.set_pace(Pace::RealTime);
    let started = Instant::now();
    net.world.block_on(net.a.sleep(ms(20))).unwrap();
    assert!(started.elapsed() >= ms(20));
    // Time that passes between runs does not count.
    assert!(net.world.now() >= fathom_net::Instant::from_millis(20));
}

#[test]
fn other_threads_may_use_the_hosts_meanwhile() {
    let mut net = pair(2, Conditions::default().delay(ms(1)));
    net.world.set_pace(Pace::RealTime);
    let server = blocking::UdpSocket::bind(&net.b, at(B4, 7)).unwrap();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 8];
        for _ in 0..3 {
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&buffer[..len], from).unwrap();
        }
        server
    });
    let client = net.a.udp_bind(at(A4, 0)).unwrap();
    let exchange = async {
        for number in 0..3u8 {
            client.send_to(&[number], at(B4, 7)).await.unwrap();
            let mut buffer = [0; 8];
            assert_eq!(client.recv_from(&mut buffer).await.unwrap(), (1, at(B4, 7)));
            assert_eq!(buffer[0], number);
        }
    };
    let exchange = net.a.timeout(Duration::from_secs(30), exchange);
    net.world.block_on(exchange).unwrap().expect("it ends in time");
    thread.join().unwrap();
}
