//! `SOL_TCP`.

use std::time::Duration;

use fathom_stack::{CongestionAlgorithm, Keepalive, Tcp, TcpOptions};

use super::{fixed, from_bool, from_int, int, within};
use crate::consts::*;
use crate::file::Fd;
use crate::tcp::{State, is_opening};
use crate::{Errno, Kernel, Result};

/// `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`, `MAX_TCP_SYNCNT`.
const MOST_KEEPALIVE_SECONDS: i32 = 32767;
const MOST_KEEPALIVE_PROBES: i32 = 127;
const MOST_SYN_RETRIES: i32 = 127;
/// `TCP_MIN_MSS` and `MAX_TCP_WINDOW`: the bounds of `TCP_MAXSEG`.
const LEAST_MSS: i32 = 88;
const MOST_MSS: i32 = 32767;
/// `TCP_MSS_DEFAULT`: what `TCP_MAXSEG` says before there is a connection.
const DEFAULT_MSS: i32 = 536;
/// `TCP_CA_NAME_MAX`, the end of the name included.
const NAME_LEN: usize = 16;

impl Kernel {
    /// Changes a choice: for what is to come, for later connections of a listener, and for the connection that
    /// stands.
    pub(super) fn change_tcp(
        &mut self,
        fd: Fd,
        choose: impl Fn(&mut TcpOptions),
        apply: impl FnOnce(&mut Tcp<'_>, &TcpOptions),
    ) -> Result<()> {
        let tcp = self.tcp_socket(fd)?;
        choose(&mut tcp.options);
        match tcp.state {
            State::Closed => {}
            State::Listening(id) => self.stack.tcp_change_listener(id, choose),
            State::Connecting(id) | State::Connected(id) => {
                let options = tcp.options.clone();
                if let Some(mut connection) = self.stack.tcp(self.now, id) {
                    apply(&mut connection, &options);
                }
            }
        }
        Ok(())
    }

    pub(super) fn set_tcp_option(&mut self, fd: Fd, name: i32, value: &[u8]) -> Result<()> {
        if name == TCP_CONGESTION {
            return self.set_congestion_control(fd, value);
        }
        let number = int(value)?;
        let on = number != 0;
        match name {
            TCP_NODELAY => self.change_tcp(fd, |options| options.nodelay = on, |tcp, _| tcp.set_nodelay(on)),
            TCP_CORK => {
                self.tcp_socket(fd)?.cork = on;
                if let Some(mut tcp) = self.tcp_connection(fd) {
                    tcp.set_cork(on);
                }
                Ok(())
            }
            TCP_MAXSEG => {
                let most = if on { Some(within(value, LEAST_MSS, MOST_MSS)? as u16) } else { None };
                self.change_tcp(fd, |options| options.max_segment = most, |tcp, _| tcp.set_max_segment(most))
            }
            TCP_KEEPIDLE => {
                let idle = seconds(value)?;
                self.change_keepalive(fd, |keepalive| keepalive.idle = idle)
            }
            TCP_KEEPINTVL => {
                let interval = seconds(value)?;
                self.change_keepalive(fd, |keepalive| keepalive.interval = interval)
            }
            TCP_KEEPCNT => {
                let probes = within(value, 1, MOST_KEEPALIVE_PROBES)? as u8;
                self.change_keepalive(fd, |keepalive| keepalive.probes = probes)
            }
            TCP_SYNCNT => {
                let retries = Some(within(value, 1, MOST_SYN_RETRIES)? as u8);
                self.change_tcp(
                    fd,
                    |options| options.syn_retries = retries,
                    |tcp, _| tcp.set_syn_retries(retries),
                )
            }
            TCP_USER_TIMEOUT => {
                let timeout = match within(value, 0, i32::MAX)? {
                    0 => None,
                    millis => Some(Duration::from_millis(millis as u64)),
                };
                self.change_tcp(
                    fd,
                    |options| options.user_timeout = timeout,
                    |tcp, _| tcp.set_user_timeout(timeout),
                )
            }
            TCP_NOTSENT_LOWAT => {
                // 0 is what the setting says, the largest number no limit.
                let bytes = match number as u32 {
                    0 => self.settings.tcp.notsent_low_water,
                    u32::MAX => None,
                    bytes => Some(bytes as usize),
                };
                self.tcp_socket(fd)?.notsent_low_water = number as u32;
                self.change_tcp(
                    fd,
                    |options| options.notsent_low_water = bytes,
                    |tcp, _| tcp.set_notsent_low_water(bytes),
                )
            }
            TCP_QUICKACK => {
                match self.tcp_connection(fd) {
                    Some(mut tcp) => tcp.set_quick_ack(on),
                    // Every connection begins so.
                    None if on => {}
                    None => return Err(Errno::EOPNOTSUPP),
                }
                Ok(())
            }
            TCP_INQ => {
                self.tcp_socket(fd)?.tells_queue = within(value, 0, 1)? == 1;
                Ok(())
            }
            TCP_LINGER2 => fixed(value, self.fin_timeout()),
            TCP_RTO_MAX_MS => fixed(value, self.settings.config.tcp.max_rto.as_millis() as i32),
            TCP_RTO_MIN_US => fixed(value, self.settings.config.tcp.min_rto.as_micros() as i32),
            TCP_DELACK_MAX_US => fixed(value, self.settings.config.tcp.ack_delay.as_micros() as i32),
            TCP_DEFER_ACCEPT
            | TCP_WINDOW_CLAMP
            | TCP_THIN_LINEAR_TIMEOUTS
            | TCP_THIN_DUPACK
            | TCP_FASTOPEN
            | TCP_FASTOPEN_CONNECT
            | TCP_FASTOPEN_NO_COOKIE
            | TCP_SAVE_SYN
            | TCP_TX_DELAY => fixed(value, 0),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    pub(super) fn tcp_option(&mut self, fd: Fd, name: i32) -> Result<Vec<u8>> {
        let tcp = self.tcp_socket(fd)?;
        let (options, state) = (&tcp.options, tcp.state);
        Ok(match name {
            TCP_NODELAY => from_bool(options.nodelay),
            TCP_CORK => from_bool(tcp.cork),
            TCP_MAXSEG => {
                let chosen = options.max_segment.map_or(DEFAULT_MSS, i32::from);
                from_int(self.tcp_connection(fd).map_or(chosen, |tcp| tcp.info().snd_mss as i32))
            }
            TCP_KEEPIDLE => from_int(tcp.keepalive.idle.as_secs() as i32),
            TCP_KEEPINTVL => from_int(tcp.keepalive.interval.as_secs() as i32),
            TCP_KEEPCNT => from_int(tcp.keepalive.probes.into()),
            TCP_SYNCNT => from_int(options.syn_retries.map_or(0, i32::from)),
            TCP_USER_TIMEOUT => {
                from_int(options.user_timeout.map_or(0, |timeout| timeout.as_millis() as i32))
            }
            TCP_NOTSENT_LOWAT => from_int(tcp.notsent_low_water as i32),
            TCP_QUICKACK => from_bool(self.tcp_connection(fd).is_none_or(|tcp| tcp.quick_ack())),
            TCP_INQ => from_bool(tcp.tells_queue),
            TCP_CONGESTION => {
                let chosen =
                    options.congestion_control.unwrap_or(self.settings.config.tcp.congestion_control);
                let used = self.tcp_connection(fd).map_or(chosen, |tcp| tcp.congestion_control());
                let mut name = used.name().as_bytes().to_vec();
                name.resize(NAME_LEN, 0);
                name
            }
            // Neither CUBIC nor Reno tells more.
            TCP_CC_INFO => Vec::new(),
            TCP_INFO => self.tcp_info(fd, state)?,
            TCP_LINGER2 => from_int(self.fin_timeout()),
            TCP_RTO_MAX_MS => from_int(self.settings.config.tcp.max_rto.as_millis() as i32),
            TCP_RTO_MIN_US => from_int(self.settings.config.tcp.min_rto.as_micros() as i32),
            TCP_DELACK_MAX_US => from_int(self.settings.config.tcp.ack_delay.as_micros() as i32),
            TCP_DEFER_ACCEPT
            | TCP_WINDOW_CLAMP
            | TCP_THIN_LINEAR_TIMEOUTS
            | TCP_THIN_DUPACK
            | TCP_FASTOPEN
            | TCP_FASTOPEN_CONNECT
            | TCP_FASTOPEN_NO_COOKIE
            | TCP_SAVE_SYN
            | TCP_TX_DELAY => from_int(0),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    fn fin_timeout(&self) -> i32 {
        self.settings.config.tcp.fin_wait_2_timeout.as_secs() as i32
    }

    fn change_keepalive(&mut self, fd: Fd, change: impl Fn(&mut Keepalive)) -> Result<()> {
        let tcp = self.tcp_socket(fd)?;
        change(&mut tcp.keepalive);
        let keepalive = tcp.options.keepalive.map(|_| tcp.keepalive);
        self.change_tcp(fd, |options| options.keepalive = keepalive, |tcp, _| tcp.set_keepalive(keepalive))
    }

    fn set_congestion_control(&mut self, fd: Fd, value: &[u8]) -> Result<()> {
        if value.is_empty() {
            return Err(Errno::EINVAL);
        }
        let name = value[..value.len().min(NAME_LEN - 1)].split(|byte| *byte == 0).next().unwrap_or_default();
        let name = std::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let algorithm: CongestionAlgorithm = name.parse().map_err(|_| Errno::ENOENT)?;
        self.change_tcp(
            fd,
            |options| options.congestion_control = Some(algorithm),
            |tcp, _| tcp.set_congestion_control(algorithm),
        )
    }

    /// What waits to be read, to be acknowledged, and to be sent (`tcp_ioctl`).
    pub(crate) fn tcp_ioctl(&mut self, fd: Fd, request: u32) -> Result<i32> {
        match self.tcp_socket(fd)?.state {
            State::Listening(_) => return Err(Errno::EINVAL),
            State::Closed => return Ok(0),
            State::Connecting(_) | State::Connected(_) => {}
        }
        let Some(tcp) = self.tcp_connection(fd) else { return Ok(0) };
        let info = tcp.info();
        let count = match request {
            SIOCINQ => info.unread_bytes,
            // The SYN is no data.
            SIOCOUTQ if is_opening(info.state) => info.notsent_bytes,
            SIOCOUTQ => info.unacked as usize + info.notsent_bytes,
            SIOCOUTQNSD => info.notsent_bytes,
            _ => 0,
        };
        Ok(count.try_into().unwrap_or(i32::MAX))
    }
}

/// A time of keepalive.
fn seconds(value: &[u8]) -> Result<Duration> {
    Ok(Duration::from_secs(within(value, 1, MOST_KEEPALIVE_SECONDS)? as u64))
}
