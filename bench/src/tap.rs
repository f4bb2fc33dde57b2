//! TCP over a TAP interface to the kernel's stack, in both directions.
//!
//! Beside fathom: smoltcp over a TAP interface, through the device that comes with it; and the kernel to itself,
//! over a pair of veth interfaces. All in network namespaces that are made for it, which takes root and
//! iproute2. A new connection for each measurement, timed by the receiver from its first byte to its last.

mod fathom;
mod kernel;
mod smoltcp;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use fathom_tests::{Namespace, lacking};

use self::fathom::Fathom;
use self::kernel::Kernel;
use self::smoltcp::Smoltcp;
use crate::pairs::Pairs;

const PAIRS: usize = 7;
/// How long a sender sends.
const SPELL: Duration = Duration::from_millis(250);
/// How long anything may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that programs write and read at once.
const CHUNK: usize = 256 * 1024;

/// One end of connections whose other end is a listener of the kernel's.
trait Client {
    /// The kernel's end.
    fn listener(&self) -> &TcpListener;
    /// Connects, sends for [`SPELL`], ends its data, and waits for the other end.
    fn send(&mut self, to: SocketAddr) -> io::Result<()>;
    /// Connects, and reads to the end of the data; gives bytes per second.
    fn receive(&mut self, from: SocketAddr) -> io::Result<f64>;
}

/// Measures and prints the table.
pub(crate) fn run() {
    println!("tap: TCP over a TAP interface to the kernel");
    if let Some(reason) = lacking(&["ip"]) {
        println!("  skipped: {reason}");
        return;
    }
    if let Err(error) = measure() {
        println!("  failed: {error}");
        crate::failed();
    }
}

fn measure() -> io::Result<()> {
    let (near, far) = (Namespace::new(), Namespace::new());
    let mut ours = Fathom::new(&near)?;
    let mut others: [(&str, Box<dyn Client + '_>); 2] = [
        ("smoltcp 0.14, over TAP", Box::new(Smoltcp::new(&near)?)),
        ("kernel to kernel, over veth", Box::new(Kernel::new(&near, &far)?)),
    ];
    println!("{:<44} {:>13} {:>13}   fathom / other", "", "fathom", "other");
    for (name, other) in &mut others {
        for (direction, rate) in [("to", up as Measurement), ("from", down)] {
            let mut error = None;
            let mut rate = |client: &mut dyn Client| {
                rate(client).unwrap_or_else(|failure| {
                    error.get_or_insert(failure);
                    f64::NAN
                })
            };
            let rate = std::cell::RefCell::new(&mut rate);
            let pairs =
                Pairs::take(PAIRS, || rate.borrow_mut()(&mut ours), || rate.borrow_mut()(&mut **other));
            if let Some(error) = error {
                return Err(io::Error::new(error.kind(), format!("{direction} the kernel, {name}: {error}")));
            }
            let gbits = |rate: f64| rate * 8.0 / 1e9;
            println!(
                "{:<44} {:>6.2} Gbit/s {:>6.2} Gbit/s   {}",
                format!("{direction} the kernel; {name}"),
                gbits(pairs.ours()),
                gbits(pairs.theirs()),
                pairs.ratio()
            );
        }
    }
    Ok(())
}

type Measurement = fn(&mut dyn Client) -> io::Result<f64>;

/// From the client to the kernel's listener.
fn up(client: &mut dyn Client) -> io::Result<f64> {
    let listener = client.listener().try_clone()?;
    std::thread::scope(|scope| {
        let sink = scope.spawn(move || read_all(&mut accept(&listener)?));
        let to = client.listener().local_addr()?;
        client.send(to)?;
        sink.join().map_err(|_| io::Error::other("the kernel's end panicked"))?
    })
}

/// From the kernel's listener to the client.
fn down(client: &mut dyn Client) -> io::Result<f64> {
    let listener = client.listener().try_clone()?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = accept(&listener)?;
            write_for_a_spell(&mut stream)?;
            stream.shutdown(Shutdown::Write)?;
            stream.read(&mut [0])
        });
        let from = client.listener().local_addr()?;
        client.receive(from)
    })
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Reads to the end of the data; gives bytes per second, from the first of them to the end.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn read_all(stream: &mut impl Read) -> io::Result<f64> {
    let mut buffer = vec![0; CHUNK];
    // The clock starts with the first bytes, which do not count.
    if stream.read(&mut buffer)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let started = Instant::now();
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(bytes as f64 / started.elapsed().as_secs_f64()),
            len => bytes += len,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn write_for_a_spell(stream: &mut impl Write) -> io::Result<()> {
    let chunk = vec![7; CHUNK];
    let deadline = Instant::now() + SPELL;
    while Instant::now() < deadline {
        stream.write_all(&chunk)?;
    }
    Ok(())
}
