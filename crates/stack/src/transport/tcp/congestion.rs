//! Congestion control: how much may be in flight.
//!
//! Loss recovery ([`recovery`](super::recovery)) says what was lost and what is in flight; a congestion
//! controller only says how much that may be. The two know nothing else of each other.

mod reno;

pub(crate) use reno::Reno;

/// What a controller learns from an acknowledgement of new data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    /// Bytes that it acknowledged for the first time.
    pub(crate) bytes: u64,
    /// The sender's maximum segment size (SMSS).
    pub(crate) mss: u64,
    /// The congestion window was what held the sender back. A window that was not used says nothing about
    /// the network and does not grow (RFC 9293 3.8.2, RFC 7661 3).
    pub(crate) cwnd_limited: bool,
    /// Data is being sent again after a timeout: acknowledgements may cover much that arrived long ago.
    pub(crate) after_timeout: bool,
}

/// A congestion controller. Windows are in bytes.
pub(crate) trait CongestionControl {
    /// Its name as Linux has it, for `tcp_info`.
    fn name(&self) -> &'static str;
    /// How much may be in flight.
    fn cwnd(&self) -> u64;
    /// Below it, slow start; `u64::MAX` before the first loss.
    fn ssthresh(&self) -> u64;
    /// New data was acknowledged outside of fast recovery.
    fn on_ack(&mut self, acknowledged: Acknowledged);
    /// A loss was detected with `in_flight` bytes in flight: once for each window of data.
    fn on_loss(&mut self, in_flight: u64, mss: u64);
    /// Everything that was in flight at the loss is acknowledged; `in_flight` is in flight since.
    fn on_recovered(&mut self, in_flight: u64, mss: u64);
    /// The retransmission timer ran out with `in_flight` bytes in flight. `again` when it had for the same
    /// data before.
    fn on_timeout(&mut self, in_flight: u64, mss: u64, again: bool);
    /// Nothing was sent for longer than the retransmission timeout.
    fn on_idle(&mut self, mss: u64);
}

/// The controller of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Controller {
    Reno(Reno),
}

impl Controller {
    pub(crate) fn get(&self) -> &dyn CongestionControl {
        match self {
            Controller::Reno(reno) => reno,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut dyn CongestionControl {
        match self {
            Controller::Reno(reno) => reno,
        }
    }
}
