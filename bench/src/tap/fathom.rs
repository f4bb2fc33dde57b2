//! A host of ours on a TAP interface.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};

use fathom_device::TapDevice;
use fathom_net::blocking::TcpStream;
use fathom_net::driver::{Attachment, RealTime};
use fathom_tests::Namespace;

use super::{Client, PATIENCE, read_all, write_for_a_spell};

pub(super) struct Fathom {
    driver: RealTime,
    listener: TcpListener,
}

impl Fathom {
    pub(super) fn new(namespace: &Namespace) -> io::Result<Self> {
        namespace.add_tap("fathom0", &["10.86.0.1/24"]);
        let device = namespace.inside(|| TapDevice::open("fathom0")).map_err(io::Error::other)?;
        let driver = RealTime::builder("fathom").start()?;
        let on = driver.attach(Attachment::new(device))?;
        let address = "10.86.0.2/24".parse().map_err(io::Error::other)?;
        driver.host().add_address(on, address)?;
        let listener = namespace.inside(|| TcpListener::bind("10.86.0.1:0"))?;
        Ok(Fathom { driver, listener })
    }

    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(self.driver.host(), to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

impl Client for Fathom {
    fn listener(&self) -> &TcpListener {
        &self.listener
    }

    fn send(&mut self, to: SocketAddr) -> io::Result<()> {
        let mut stream = self.connect(to)?;
        write_for_a_spell(&mut stream)?;
        stream.flush()?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0]).map(|_| ())
    }

    fn receive(&mut self, from: SocketAddr) -> io::Result<f64> {
        read_all(&mut self.connect(from)?)
    }
}
