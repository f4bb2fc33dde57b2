//! A small SOCKS5 server (RFC 1928), without passwords. Whatever address it is asked for, it looks for the port
//! on its own machine, so that tests have something to find there.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    Connect(SocketAddr),
    Associate,
}

/// A server on threads of its own, which end with the test's process.
pub(crate) struct SocksServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl SocksServer {
    /// Starts it on the loopback interface of the namespace that the thread is in.
    pub(crate) fn start() -> SocksServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::default());
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, log) = (stream.unwrap(), Arc::clone(&log));
                // A client that goes away is no concern of the server.
                thread::spawn(move || drop(serve(stream, &log)));
            }
        });
        SocksServer { address, asked }
    }

    /// All that it was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>) -> io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting)?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods)?;
    stream.write_all(&[5, if methods.contains(&0) { 0 } else { 0xff }])?;
    let mut request = [0; 3];
    stream.read_exact(&mut request)?;
    let wanted = read_address(&mut stream)?;
    match request {
        [5, 1, 0] => {
            log.lock().unwrap().push(Asked::Connect(wanted));
            match TcpStream::connect(here(wanted)) {
                Ok(server) => {
                    answer(&mut stream, 0, server.local_addr()?)?;
                    relay(stream, server)
                }
                Err(_) => answer(&mut stream, 5, here(wanted)),
            }
        }
        [5, 3, 0] => {
            log.lock().unwrap().push(Asked::Associate);
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            answer(&mut stream, 0, socket.local_addr()?)?;
            thread::spawn(move || drop(relay_datagrams(&socket)));
            // The association lives as long as its connection.
            stream.read(&mut [0]).map(drop)
        }
        _ => answer(&mut stream, 7, wanted),
    }
}

fn answer(stream: &mut TcpStream, code: u8, bound: SocketAddr) -> io::Result<()> {
    stream.write_all(&[&[5, code, 0], &write_address(bound)[..]].concat())
}

/// Where the server looks for `wanted`.
fn here(wanted: SocketAddr) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), wanted.port())
}

/// Carries bytes both ways until both have ended.
fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let copied = io::copy(&mut from, &mut to);
        // One that is gone needs no end.
        let _ = to.shutdown(Shutdown::Write);
        copied
    };
    let (from, to) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || copy(from, to));
    copy(client, server)?;
    back.join().expect("it does not panic").map(drop)
}

/// Each datagram of the client to its server, and the server's answer back.
fn relay_datagrams(socket: &UdpSocket) -> io::Result<()> {
    let out = UdpSocket::bind("127.0.0.1:0")?;
    let mut packet = [0; 2000];
    loop {
        let (len, client) = socket.recv_from(&mut packet)?;
        let mut data = &packet[3..len];
        let wanted = read_address(&mut data)?;
        out.send_to(data, here(wanted))?;
        let mut reply = [0; 2000];
        let len = out.recv(&mut reply)?;
        socket.send_to(&[&[0; 3], &write_address(wanted)[..], &reply[..len]].concat(), client)?;
    }
}

fn read_address(from: &mut impl Read) -> io::Result<SocketAddr> {
    fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        from.read_exact(&mut bytes)?;
        Ok(bytes)
    }
    let ip: IpAddr = match array::<1>(from)? {
        [1] => Ipv4Addr::from(array::<4>(from)?).into(),
        [4] => Ipv6Addr::from(array::<16>(from)?).into(),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok(SocketAddr::new(ip, u16::from_be_bytes(array(from)?)))
}

fn write_address(at: SocketAddr) -> Vec<u8> {
    match at.ip() {
        IpAddr::V4(ip) => [&[1], &ip.octets()[..], &at.port().to_be_bytes()].concat(),
        IpAddr::V6(ip) => [&[4], &ip.octets()[..], &at.port().to_be_bytes()].concat(),
    }
}
