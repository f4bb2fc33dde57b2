//! TCP: for the time being a host without connections.

use core::net::IpAddr;

use fathom_record::DropReason;

use crate::context::Context;
use crate::packet::{Arrived, Departing, Disposition, IcmpErrorFor, Path, Transmission};
use crate::random::Random;
use crate::slab::Key;
use crate::socket::TcpId;

/// All TCP connections and listeners.
#[derive(Debug)]
pub(crate) struct TcpLayer;

impl TcpLayer {
    pub(crate) fn new(_: &Random) -> Self {
        TcpLayer
    }

    pub(crate) fn receive(&mut self, _: &mut Context<'_>, _: Arrived) -> Disposition {
        Disposition::Drop(DropReason::TcpNoSocket)
    }

    pub(crate) fn transmit(&mut self, _: &mut Context<'_>, _: TcpId, _: &Path) -> Transmission {
        Transmission::Nothing
    }

    pub(crate) fn handle_timer(&mut self, _: &mut Context<'_>, _: TcpId) {}

    pub(crate) fn handle_half_open_timer(&mut self, _: &mut Context<'_>, _: Key) -> Option<Departing> {
        None
    }

    pub(crate) fn handle_time_wait_timer(&mut self, _: &mut Context<'_>, _: Key) {}

    pub(crate) fn handle_icmp_error(&mut self, _: &mut Context<'_>, _: &IcmpErrorFor) -> bool {
        false
    }

    pub(crate) fn neighbour_failed(&mut self, _: &mut Context<'_>, _: TcpId) {}

    pub(crate) fn addresses(&self, _: TcpId) -> Option<(IpAddr, IpAddr)> {
        None
    }
}
