//! The kernel's stack, from one namespace to another.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use fathom_tests::Namespace;

use super::{Client, PATIENCE, read_all, write_for_a_spell};

pub(super) struct Kernel<'a> {
    near: &'a Namespace,
    listener: TcpListener,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(near: &'a Namespace, far: &Namespace) -> io::Result<Self> {
        near.ip(&["link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", far.name()]);
        for (namespace, name, address) in [(near, "veth0", "10.88.0.2/24"), (far, "veth1", "10.88.0.1/24")] {
            namespace.ip(&["address", "add", address, "dev", name]);
            namespace.ip(&["link", "set", name, "up"]);
        }
        let listener = far.inside(|| TcpListener::bind("10.88.0.1:0"))?;
        Ok(Kernel { near, listener })
    }

    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let stream = self.near.inside(|| TcpStream::connect_timeout(&to, PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

impl Client for Kernel<'_> {
    fn listener(&self) -> &TcpListener {
        &self.listener
    }

    fn send(&mut self, to: SocketAddr) -> io::Result<()> {
        let mut stream = self.connect(to)?;
        write_for_a_spell(&mut stream)?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0]).map(|_| ())
    }

    fn receive(&mut self, from: SocketAddr) -> io::Result<f64> {
        read_all(&mut self.connect(from)?)
    }
}
