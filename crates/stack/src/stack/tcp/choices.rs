//! What a program may change on a connection that stands.

use core::time::Duration;

use super::Tcp;
use crate::interface::InterfaceId;
use crate::transport::tcp::{CongestionAlgorithm, Keepalive};

/// The choices of [`TcpOptions`](crate::TcpOptions), one by one.
impl Tcp<'_> {
    /// Whether short segments are sent at once, rather than wait for others to be acknowledged (the opposite
    /// of RFC 9293 3.7.4, Nagle).
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.with(|connection, cx| connection.set_nodelay(cx, nodelay));
    }

    /// Whether short segments are sent at once.
    pub fn nodelay(&self) -> bool {
        self.connection().nodelay()
    }

    /// Holds the end of the data back while it does not fill a segment, for 200 ms at most, so that a head
    /// and a body leave together. Taking the cork out sends what is left (Linux's `TCP_CORK`).
    pub fn set_cork(&mut self, cork: bool) {
        self.with(|connection, cx| connection.set_cork(cx, cork));
    }

    /// Whether the end of the data is held back.
    pub fn cork(&self) -> bool {
        self.connection().cork()
    }

    /// Goes on with another congestion controller, with the congestion window as it is (Linux's
    /// `TCP_CONGESTION`).
    pub fn set_congestion_control(&mut self, algorithm: CongestionAlgorithm) {
        self.with(|connection, _| connection.set_congestion_control(algorithm));
    }

    /// The congestion controller. [`TcpInfo::congestion_control`](crate::TcpInfo::congestion_control) has its
    /// name.
    pub fn congestion_control(&self) -> CongestionAlgorithm {
        self.connection().congestion_control()
    }

    /// Acknowledges the next segments at once, or delays their acknowledgements (Linux's `TCP_QUICKACK`). It
    /// is no lasting choice: how many are acknowledged at once is
    /// [`TcpConfig::quick_acks`](crate::TcpConfig::quick_acks), and a pause begins them anew.
    pub fn set_quick_ack(&mut self, quick: bool) {
        self.with(|connection, cx| connection.set_quick_ack(cx, quick));
    }

    /// Whether the next segment is acknowledged at once.
    pub fn quick_ack(&self) -> bool {
        self.connection().is_quick()
    }

    /// Probes the peer when it is silent for long, or no more (RFC 9293 3.8.4).
    pub fn set_keepalive(&mut self, keepalive: Option<Keepalive>) {
        self.with(|connection, cx| connection.set_keepalive(cx, keepalive));
    }

    /// When the peer is probed, if it is.
    pub fn keepalive(&self) -> Option<Keepalive> {
        self.connection().options().keepalive
    }

    /// How long data may stay unacknowledged, or wait before a closed window, until the connection is given
    /// up; see [`TcpOptions::user_timeout`](crate::TcpOptions::user_timeout). Counts from what was
    /// acknowledged last.
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.with(|connection, cx| connection.set_user_timeout(cx, timeout));
    }

    /// The timeout that was set, if one was.
    pub fn user_timeout(&self) -> Option<Duration> {
        self.connection().options().user_timeout
    }

    /// What [`close`](Tcp::close) does with data that is not delivered; see
    /// [`TcpOptions::linger`](crate::TcpOptions::linger).
    pub fn set_linger(&mut self, linger: Option<Duration>) {
        self.with(|connection, _| connection.set_linger(linger));
    }

    /// What was set for that.
    pub fn linger(&self) -> Option<Duration> {
        self.connection().options().linger
    }

    /// Whether the peer has acknowledged everything that was written, and the end of it if there is one: what
    /// a program that lingers waits for. [`Readiness::WRITABLE`](crate::Readiness::WRITABLE) tells when the
    /// end is acknowledged, after [`shutdown`](Tcp::shutdown).
    pub fn is_delivered(&self) -> bool {
        self.connection().is_delivered()
    }

    /// The hop limit of the segments; that of the stack for `None`.
    pub fn set_hop_limit(&mut self, hop_limit: Option<u8>) {
        self.with(|connection, _| connection.set_hop_limit(hop_limit));
    }

    /// The hop limit of the segments.
    pub fn hop_limit(&self) -> u8 {
        self.connection().options().hop_limit.unwrap_or(self.stack.shared.config.hop_limit)
    }

    /// The differentiated services code point of the segments (RFC 2474 3); its six low bits count.
    pub fn set_dscp(&mut self, dscp: u8) {
        self.with(|connection, _| connection.set_dscp(dscp));
    }

    /// The differentiated services code point of the segments.
    pub fn dscp(&self) -> u8 {
        self.connection().options().dscp
    }

    /// Most data in the segments that we send, options included. It can be made smaller only.
    pub fn set_max_segment(&mut self, max_segment: Option<u16>) {
        self.with(|connection, _| connection.set_max_segment(max_segment));
    }

    /// What was set for that.
    pub fn max_segment(&self) -> Option<u16> {
        self.connection().options().max_segment
    }

    /// Sets the size of the send buffer, or lets it follow the congestion window; see
    /// [`TcpOptions::send_buffer`](crate::TcpOptions::send_buffer).
    pub fn set_send_buffer(&mut self, bytes: Option<usize>) {
        self.with(|connection, cx| connection.set_send_buffer(cx, bytes));
    }

    /// Bytes that the send buffer may hold at this moment.
    pub fn send_buffer(&self) -> usize {
        let shared = &self.stack.shared;
        self.connection().send_limit(&shared.config.tcp, &shared.memory)
    }

    /// Sets the size of the receive buffer, or lets it grow by itself; see
    /// [`TcpOptions::receive_buffer`](crate::TcpOptions::receive_buffer). What the peer was offered is still
    /// taken. The window scale, which was agreed on at the start, bounds the size.
    pub fn set_receive_buffer(&mut self, bytes: Option<usize>) {
        self.with(|connection, cx| connection.set_receive_buffer(cx, bytes));
    }

    /// Bytes that the receive buffer may hold at this moment.
    pub fn receive_buffer(&self) -> usize {
        self.connection().receive_capacity()
    }

    /// Most bytes written that are not sent; see
    /// [`TcpOptions::notsent_low_water`](crate::TcpOptions::notsent_low_water).
    pub fn set_notsent_low_water(&mut self, bytes: Option<usize>) {
        self.with(|connection, cx| connection.set_notsent_low_water(cx, bytes));
    }

    /// What was set for that.
    pub fn notsent_low_water(&self) -> Option<usize> {
        self.connection().options().notsent_low_water
    }

    /// How many bytes must wait before [`Readiness::READABLE`](crate::Readiness::READABLE) tells of them.
    pub fn set_receive_low_water(&mut self, bytes: usize) {
        self.with(|connection, cx| connection.set_receive_low_water(cx, bytes));
    }

    /// How many bytes must wait.
    pub fn receive_low_water(&self) -> usize {
        self.connection().options().receive_low_water
    }

    /// How often an unanswered SYN is repeated.
    pub fn set_syn_retries(&mut self, retries: Option<u8>) {
        self.with(|connection, _| connection.set_syn_retries(retries));
    }

    /// What was set for that.
    pub fn syn_retries(&self) -> Option<u8> {
        self.connection().options().syn_retries
    }

    /// The interface that the connection is bound to, if it is.
    pub fn interface(&self) -> Option<InterfaceId> {
        self.connection().options().interface
    }
}
