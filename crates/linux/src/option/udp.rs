//! `SOL_UDP`.

use fathom_stack::UdpOptions;

use super::{fixed, from_bool, from_int, int, within};
use crate::consts::*;
use crate::file::Fd;
use crate::message::Sending;
use crate::{Errno, Kernel, Result};

impl Kernel {
    /// The choices of a UDP socket, whether it has a port or not.
    pub(super) fn udp_options(&mut self, fd: Fd) -> Result<UdpOptions> {
        let chosen = self.udp_socket(fd)?.options.clone();
        Ok(self.udp(fd).map_or(chosen, |udp| udp.options()))
    }

    /// Changes them.
    pub(super) fn change_udp(&mut self, fd: Fd, change: impl FnOnce(&mut UdpOptions)) -> Result<()> {
        let mut options = self.udp_options(fd)?;
        change(&mut options);
        match self.udp(fd) {
            Some(mut udp) => udp.set_options(options),
            None => self.udp_socket(fd)?.options = options,
        }
        Ok(())
    }

    pub(super) fn set_udp_option(&mut self, fd: Fd, name: i32, value: &[u8]) -> Result<()> {
        let on = int(value)? != 0;
        match name {
            UDP_CORK => {
                self.udp_socket(fd)?.cork = on;
                if on { Ok(()) } else { self.udp_push(fd, &Sending::default()) }
            }
            UDP_SEGMENT => {
                self.udp_socket(fd)?.segment = within(value, 0, u16::MAX.into())? as u16;
                Ok(())
            }
            UDP_GRO => self.change_udp(fd, |options| options.receive_offload = on),
            UDP_ENCAP | UDP_NO_CHECK6_TX | UDP_NO_CHECK6_RX => fixed(value, 0),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    pub(super) fn udp_option(&mut self, fd: Fd, name: i32) -> Result<Vec<u8>> {
        let udp = self.udp_socket(fd)?;
        Ok(match name {
            UDP_CORK => from_bool(udp.cork),
            UDP_SEGMENT => from_int(udp.segment.into()),
            UDP_GRO => from_bool(self.udp_options(fd)?.receive_offload),
            UDP_ENCAP | UDP_NO_CHECK6_TX | UDP_NO_CHECK6_RX => from_int(0),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }
}
