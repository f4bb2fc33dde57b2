//! What a program may choose before a connection stands. The names are tokio's and socket2's.

use std::io;
use std::time::Duration;

use fathom_stack::{CongestionAlgorithm, Keepalive, TcpConfig, TcpOptions};

use super::{Settings, TcpSocket};
use crate::sync::lock;
use crate::tcp::options::{
    device_name, dscp, hop_limit, keepalive_times, not_zero, saturating, segment_size, user_timeout,
};

impl TcpSocket {
    /// All that the engine lets choose for a connection.
    pub fn options(&self) -> TcpOptions {
        lock(&self.settings).options.clone()
    }

    /// Changes what the engine lets choose for a connection: buffers, timeouts, options on the wire.
    pub fn set_options(&self, change: impl FnOnce(&mut TcpOptions)) {
        self.set(change);
    }

    /// Listens also where connections of an earlier listener have not yet been forgotten, which the host
    /// always allows.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) for `false`.
    pub fn set_reuseaddr(&self, reuse: bool) -> io::Result<()> {
        if reuse {
            return Ok(());
        }
        let message = "connections that are being forgotten never keep a listener from their port";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    /// Whether it may listen where connections of an earlier listener have not yet been forgotten: always.
    ///
    /// # Errors
    /// None.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// Shares the address with other listeners that say the same. Each takes a part of the connections,
    /// chosen by a hash of their ends.
    ///
    /// # Errors
    /// None.
    pub fn set_reuseport(&self, reuse: bool) -> io::Result<()> {
        lock(&self.settings).reuse_port = reuse;
        Ok(())
    }

    /// Whether it shares its address.
    ///
    /// # Errors
    /// None.
    pub fn reuseport(&self) -> io::Result<bool> {
        Ok(lock(&self.settings).reuse_port)
    }

    /// Takes IPv6 only when it listens at `[::]` (RFC 3493 5.3). Otherwise it takes IPv4 too, and peers of
    /// IPv4 have IPv4-mapped addresses.
    ///
    /// # Errors
    /// None.
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        lock(&self.settings).only_v6 = only;
        Ok(())
    }

    /// Whether it takes IPv6 only.
    ///
    /// # Errors
    /// None.
    pub fn only_v6(&self) -> io::Result<bool> {
        Ok(lock(&self.settings).only_v6)
    }

    /// Uses the interface with this name alone, for a connection or for all of a listener; `None` for any.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) when the host has no such interface.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        let found = match interface {
            None => None,
            Some(name) => {
                let find = self.host.stack(|stack, _| {
                    let mut interfaces = stack.interfaces();
                    interfaces.find(|(_, known)| known.name.as_bytes() == name).map(|(id, _)| id)
                });
                let none = || {
                    let (host, name) = (self.host.name(), String::from_utf8_lossy(name));
                    io::Error::new(io::ErrorKind::NotFound, format!("{host} has no interface {name}"))
                };
                Some(find.ok_or_else(none)?)
            }
        };
        self.set(|options| options.interface = found);
        Ok(())
    }

    /// The name of the interface that it is bound to, if it is.
    ///
    /// # Errors
    /// None.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        let interface = self.get(|options| options.interface);
        Ok(interface.map(|interface| self.host.stack(|stack, _| device_name(stack, interface))))
    }

    /// Sends short segments at once, from the start; see [`TcpStream::set_nodelay`](crate::TcpStream::set_nodelay).
    ///
    /// # Errors
    /// None.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.set(|options| options.nodelay = nodelay);
        Ok(())
    }

    /// Whether short segments are sent at once.
    ///
    /// # Errors
    /// None.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.get(|options| options.nodelay))
    }

    /// Sets the congestion controller (Linux's `TCP_CONGESTION`).
    ///
    /// # Errors
    /// None.
    pub fn set_tcp_congestion(&self, algorithm: CongestionAlgorithm) -> io::Result<()> {
        self.set(|options| options.congestion_control = Some(algorithm));
        Ok(())
    }

    /// The congestion controller: that of the host where none is set.
    ///
    /// # Errors
    /// None.
    pub fn tcp_congestion(&self) -> io::Result<CongestionAlgorithm> {
        let chosen = self.get(|options| options.congestion_control);
        Ok(chosen.unwrap_or_else(|| self.limits(|config| config.congestion_control)))
    }

    /// Probes a peer that is silent for long, at the usual times (RFC 9293 3.8.4).
    ///
    /// # Errors
    /// None.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.set(|options| {
            options.keepalive = keepalive.then(|| options.keepalive.unwrap_or_default());
        });
        Ok(())
    }

    /// Whether a silent peer is probed.
    ///
    /// # Errors
    /// None.
    pub fn keepalive(&self) -> io::Result<bool> {
        Ok(self.get(|options| options.keepalive.is_some()))
    }

    /// Probes a silent peer at the times given.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a time or the number of probes is zero.
    pub fn set_tcp_keepalive(&self, times: Keepalive) -> io::Result<()> {
        let times = keepalive_times(times)?;
        self.set(|options| options.keepalive = Some(times));
        Ok(())
    }

    /// When a silent peer is probed, if it is.
    ///
    /// # Errors
    /// None.
    pub fn tcp_keepalive(&self) -> io::Result<Option<Keepalive>> {
        Ok(self.get(|options| options.keepalive))
    }

    /// Says what closing does with data that is not delivered; see
    /// [`TcpStream::set_linger`](crate::TcpStream::set_linger).
    ///
    /// # Errors
    /// None.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.set(|options| options.linger = linger);
        Ok(())
    }

    /// Makes dropping the connection a reset.
    ///
    /// # Errors
    /// None.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// What was said by [`TcpSocket::set_linger`].
    ///
    /// # Errors
    /// None.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(self.get(|options| options.linger))
    }

    /// Sets how long data may stay unacknowledged before the connection is given up (RFC 5482); `None` for
    /// what the host does otherwise.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for zero.
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = user_timeout(timeout)?;
        self.set(|options| options.user_timeout = timeout);
        Ok(())
    }

    /// What was set by [`TcpSocket::set_user_timeout`].
    ///
    /// # Errors
    /// None.
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.get(|options| options.user_timeout))
    }

    /// Sets the hop limit of the packets, which IPv4 calls time to live: 1 to 255.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for another number.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let hop_limit = hop_limit(ttl)?;
        self.set(|options| options.hop_limit = Some(hop_limit));
        Ok(())
    }

    /// The hop limit of the packets.
    ///
    /// # Errors
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        let set = self.get(|options| options.hop_limit);
        Ok(set.unwrap_or_else(|| self.host.stack(|stack, _| stack.config().hop_limit)).into())
    }

    /// Sets the type of service of IPv4 packets; see [`TcpStream::set_tos_v4`](crate::TcpStream::set_tos_v4).
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        let dscp = dscp(tos)?;
        self.set(|options| options.dscp = dscp);
        Ok(())
    }

    /// The type of service of IPv4 packets.
    ///
    /// # Errors
    /// None.
    pub fn tos_v4(&self) -> io::Result<u32> {
        Ok(self.get(|options| u32::from(options.dscp) << 2))
    }

    /// Sets the traffic class of IPv6 packets; see [`TcpSocket::set_tos_v4`].
    ///
    /// # Errors
    /// As [`TcpSocket::set_tos_v4`].
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.set_tos_v4(class)
    }

    /// The traffic class of IPv6 packets.
    ///
    /// # Errors
    /// None.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets how many bytes may wait to be sent or acknowledged. Unlike Linux's it is not doubled.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0.
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        let bytes = not_zero(bytes, "a send buffer")?;
        self.set(|options| options.send_buffer = Some(bytes));
        Ok(())
    }

    /// How many bytes may wait to be sent or acknowledged: as set, or at the start.
    ///
    /// # Errors
    /// None.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        let set = self.get(|options| options.send_buffer);
        Ok(saturating(set.unwrap_or_else(|| self.limits(|limits| limits.initial_send_buffer))))
    }

    /// Sets how many bytes may wait to be read: the largest receive window. Unlike Linux's it is not doubled.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0.
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        let bytes = not_zero(bytes, "a receive buffer")?;
        self.set(|options| options.receive_buffer = Some(bytes));
        Ok(())
    }

    /// How many bytes may wait to be read: as set, or at the start.
    ///
    /// # Errors
    /// None.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        let set = self.get(|options| options.receive_buffer);
        Ok(saturating(set.unwrap_or_else(|| self.limits(|limits| limits.initial_receive_buffer))))
    }

    /// Makes segments smaller from the start, both ways: the most data in one, options included.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0 and above 65,535.
    pub fn set_mss(&self, bytes: u32) -> io::Result<()> {
        let bytes = segment_size(bytes)?;
        self.set(|options| options.max_segment = Some(bytes));
        Ok(())
    }

    /// Sets how often an unanswered SYN is repeated (Linux's `TCP_SYNCNT`).
    ///
    /// # Errors
    /// None.
    pub fn set_syn_retries(&self, retries: u8) -> io::Result<()> {
        self.set(|options| options.syn_retries = Some(retries));
        Ok(())
    }

    /// What the engine does where nothing is set.
    fn limits<R>(&self, of: impl FnOnce(&TcpConfig) -> R) -> R {
        self.host.stack(|stack, _| of(&stack.config().tcp))
    }

    fn get<R>(&self, of: impl FnOnce(&TcpOptions) -> R) -> R {
        let Settings { options, .. } = &*lock(&self.settings);
        of(options)
    }

    fn set(&self, change: impl FnOnce(&mut TcpOptions)) {
        change(&mut lock(&self.settings).options);
    }
}
