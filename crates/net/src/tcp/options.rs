//! What a program may choose for a connection that stands. The names are tokio's and socket2's.

use std::io;
use std::time::Duration;

use fathom_stack::{CongestionAlgorithm, Keepalive, Stack, Tcp};

use super::TcpStream;
use crate::InterfaceId;

impl TcpStream {
    /// Sends short segments at once, rather than after the acknowledgement of others (RFC 9293 3.7.4).
    ///
    /// # Errors
    /// [`NotConnected`](io::ErrorKind::NotConnected) when the connection is gone.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.choose(|tcp| tcp.set_nodelay(nodelay))
    }

    /// Whether short segments are sent at once.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn nodelay(&self) -> io::Result<bool> {
        self.chosen(|tcp| tcp.nodelay())
    }

    /// Holds the end of the data back while it does not fill a segment, for 200 ms at most (Linux's
    /// `TCP_CORK`). Taking the cork out sends it.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_cork(&self, cork: bool) -> io::Result<()> {
        self.choose(|tcp| tcp.set_cork(cork))
    }

    /// Whether the end of the data is held back.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn cork(&self) -> io::Result<bool> {
        self.chosen(|tcp| tcp.cork())
    }

    /// Goes on with another congestion controller, with the window as it is (Linux's `TCP_CONGESTION`).
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_tcp_congestion(&self, algorithm: CongestionAlgorithm) -> io::Result<()> {
        self.choose(|tcp| tcp.set_congestion_control(algorithm))
    }

    /// The congestion controller; [`TcpStream::info`] has its window and its threshold.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn tcp_congestion(&self) -> io::Result<CongestionAlgorithm> {
        self.chosen(|tcp| tcp.congestion_control())
    }

    /// Acknowledges the next segments at once, or delays that. It does not last: the engine goes on as the
    /// exchange suggests.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_quickack(&self, quick: bool) -> io::Result<()> {
        self.choose(|tcp| tcp.set_quick_ack(quick))
    }

    /// Whether the next segment is acknowledged at once.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn quickack(&self) -> io::Result<bool> {
        self.chosen(|tcp| tcp.quick_ack())
    }

    /// Says what closing does with data that is not delivered. Zero resets the connection, and the data is
    /// lost. Otherwise it is delivered in the background, and this is how long [`TcpStream::close`] waits for
    /// that, and dropping a [blocking](crate::blocking::TcpStream) stream; dropping this one never waits.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.choose(|tcp| tcp.set_linger(linger))
    }

    /// Makes dropping the stream a reset; see [`TcpStream::set_linger`].
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// What was said by [`TcpStream::set_linger`].
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.chosen(|tcp| tcp.linger())
    }

    /// Probes a peer that is silent for long, at the usual times (RFC 9293 3.8.4), or no more.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.choose(|tcp| {
            let times = tcp.keepalive().unwrap_or_default();
            tcp.set_keepalive(keepalive.then_some(times));
        })
    }

    /// Whether a silent peer is probed.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn keepalive(&self) -> io::Result<bool> {
        Ok(self.tcp_keepalive()?.is_some())
    }

    /// Probes a silent peer at the times given.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a time or the number of probes is zero; otherwise as
    /// [`TcpStream::set_nodelay`].
    pub fn set_tcp_keepalive(&self, times: Keepalive) -> io::Result<()> {
        let times = keepalive_times(times)?;
        self.choose(|tcp| tcp.set_keepalive(Some(times)))
    }

    /// When a silent peer is probed, if it is.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn tcp_keepalive(&self) -> io::Result<Option<Keepalive>> {
        self.chosen(|tcp| tcp.keepalive())
    }

    /// Sets how long data may stay unacknowledged before the connection is given up (RFC 5482); `None` for
    /// what the host does otherwise.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for zero; otherwise as [`TcpStream::set_nodelay`].
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = user_timeout(timeout)?;
        self.choose(|tcp| tcp.set_user_timeout(timeout))
    }

    /// What was set by [`TcpStream::set_user_timeout`].
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.chosen(|tcp| tcp.user_timeout())
    }

    /// Sets the hop limit of the packets, which IPv4 calls time to live: 1 to 255.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for another number; otherwise as
    /// [`TcpStream::set_nodelay`].
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let hop_limit = hop_limit(ttl)?;
        self.choose(|tcp| tcp.set_hop_limit(Some(hop_limit)))
    }

    /// The hop limit of the packets.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn ttl(&self) -> io::Result<u32> {
        self.chosen(|tcp| tcp.hop_limit().into())
    }

    /// Sets the type of service of IPv4 packets: the code point of differentiated services in its upper six
    /// bits (RFC 2474 3). The lower two are the engine's (RFC 3168).
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) above 255; otherwise as [`TcpStream::set_nodelay`].
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        let dscp = dscp(tos)?;
        self.choose(|tcp| tcp.set_dscp(dscp))
    }

    /// The type of service of IPv4 packets.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.chosen(|tcp| u32::from(tcp.dscp()) << 2)
    }

    /// Sets the traffic class of IPv6 packets; see [`TcpStream::set_tos_v4`].
    ///
    /// # Errors
    /// As [`TcpStream::set_tos_v4`].
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.set_tos_v4(class)
    }

    /// The traffic class of IPv6 packets.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets the size of the send buffer; `None` lets it follow the congestion window. Unlike Linux's it is
    /// not doubled.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0; otherwise as [`TcpStream::set_nodelay`].
    pub fn set_send_buffer_size(&self, bytes: Option<u32>) -> io::Result<()> {
        let bytes = bytes.map(|bytes| not_zero(bytes, "a send buffer")).transpose()?;
        self.choose(|tcp| tcp.set_send_buffer(bytes))
    }

    /// How many bytes the send buffer may hold at this moment.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.chosen(|tcp| saturating(tcp.send_buffer()))
    }

    /// Sets the size of the receive buffer; `None` lets it grow by itself. Unlike Linux's it is not doubled.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0; otherwise as [`TcpStream::set_nodelay`].
    pub fn set_recv_buffer_size(&self, bytes: Option<u32>) -> io::Result<()> {
        let bytes = bytes.map(|bytes| not_zero(bytes, "a receive buffer")).transpose()?;
        self.choose(|tcp| tcp.set_receive_buffer(bytes))
    }

    /// How many bytes the receive buffer may hold at this moment.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.chosen(|tcp| saturating(tcp.receive_buffer()))
    }

    /// Sets how much may wait that is written and not sent: with more, writing blocks (Linux's
    /// `TCP_NOTSENT_LOWAT`).
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_notsent_low_water(&self, bytes: Option<u32>) -> io::Result<()> {
        self.choose(|tcp| tcp.set_notsent_low_water(bytes.map(|bytes| bytes as usize)))
    }

    /// What was set by [`TcpStream::set_notsent_low_water`].
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn notsent_low_water(&self) -> io::Result<Option<u32>> {
        self.chosen(|tcp| tcp.notsent_low_water().map(saturating))
    }

    /// Sets how many bytes must have come before a task that waits to read is woken (Linux's `SO_RCVLOWAT`).
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn set_recv_low_water(&self, bytes: u32) -> io::Result<()> {
        self.choose(|tcp| tcp.set_receive_low_water(bytes as usize))
    }

    /// What was set by [`TcpStream::set_recv_low_water`]; 1 otherwise.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn recv_low_water(&self) -> io::Result<u32> {
        self.chosen(|tcp| saturating(tcp.receive_low_water()))
    }

    /// Makes segments smaller: the most data in one, options included (Linux's `TCP_MAXSEG`).
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for 0 and above 65,535; otherwise as
    /// [`TcpStream::set_nodelay`].
    pub fn set_mss(&self, bytes: u32) -> io::Result<()> {
        let bytes = segment_size(bytes)?;
        self.choose(|tcp| tcp.set_max_segment(Some(bytes)))
    }

    /// The most data in a segment that is sent, as things stand.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn mss(&self) -> io::Result<u32> {
        self.chosen(|tcp| tcp.info().snd_mss)
    }

    /// The name of the interface that the connection is bound to, if it is.
    ///
    /// # Errors
    /// As [`TcpStream::set_nodelay`].
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        let interface = self.chosen(|tcp| tcp.interface())?;
        Ok(interface.map(|interface| self.host().stack(|stack, _| device_name(stack, interface))))
    }

    fn choose(&self, choice: impl FnOnce(&mut Tcp<'_>)) -> io::Result<()> {
        self.connection().act(|tcp| {
            choice(tcp);
            Ok(())
        })
    }

    fn chosen<R>(&self, choice: impl FnOnce(&Tcp<'_>) -> R) -> io::Result<R> {
        self.connection().look(|tcp| Ok(choice(tcp)))
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

pub(super) fn keepalive_times(times: Keepalive) -> io::Result<Keepalive> {
    let Keepalive { idle, interval, probes } = times;
    if idle.is_zero() || interval.is_zero() || probes == 0 {
        return Err(invalid("keepalive wants times and a number of probes that are not zero".into()));
    }
    Ok(times)
}

pub(super) fn user_timeout(timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    if timeout == Some(Duration::ZERO) {
        return Err(invalid("a user timeout of zero would let no connection live".into()));
    }
    Ok(timeout)
}

pub(super) fn hop_limit(ttl: u32) -> io::Result<u8> {
    let fits = u8::try_from(ttl).ok().filter(|ttl| *ttl > 0);
    fits.ok_or_else(|| invalid(format!("a time to live is 1 to 255, not {ttl}")))
}

pub(super) fn dscp(tos: u32) -> io::Result<u8> {
    let fits = u8::try_from(tos).map(|tos| tos >> 2);
    fits.map_err(|_| invalid(format!("a type of service or traffic class is 0 to 255, not {tos}")))
}

pub(super) fn segment_size(bytes: u32) -> io::Result<u16> {
    let fits = u16::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    fits.ok_or_else(|| invalid(format!("a segment holds 1 to 65535 bytes, not {bytes}")))
}

pub(super) fn not_zero(bytes: u32, what: &str) -> io::Result<usize> {
    if bytes == 0 {
        return Err(invalid(format!("{what} of no bytes would let nothing through")));
    }
    Ok(bytes as usize)
}

pub(super) fn saturating(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

pub(super) fn device_name(stack: &Stack, interface: InterfaceId) -> Vec<u8> {
    stack.interface(interface).name.clone().into_bytes()
}
