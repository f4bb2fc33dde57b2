#![allow(missing_docs, unused, unreachable_pub, clippy::all)]
use crate::*; use fathom_record::*; use fathom_wire::Instant; use core::net::*; use bytes::Bytes;
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)] pub struct IncomingId(u64);
#[derive(Debug, Clone, Copy, thiserror::Error)] pub enum TcpError { #[error("x")] WouldBlock, #[error("x")] NotConnected, #[error("x")] Refused, #[error("x")] Reset, #[error("x")] TimedOut, #[error("x")] HostUnreachable, #[error("x")] NetworkUnreachable, #[error("x")] BrokenPipe }
#[derive(Debug, Clone, Copy, thiserror::Error)] pub enum ConnectError { #[error("x")] AddressInUse, #[error("x")] NoRoute, #[error("x")] AddressNotAvailable, #[error("x")] TooMany }
#[derive(Debug, Clone, Default)] pub struct TcpOptions;
pub struct TcpConnect { pub remote: SocketAddr, pub local: Option<SocketAddr>, pub options: TcpOptions }
pub struct TcpListen { pub local: SocketAddr, pub backlog: usize, pub decide: bool, pub options: TcpOptions }
pub struct Incoming { pub id: IncomingId, pub source: SocketAddr, pub destination: SocketAddr }
pub enum Decision { Accept, Refuse, Ignore }
#[derive(Debug, Clone)] pub struct TcpInfo;
pub struct Tcp<'a>(&'a mut Stack);
impl Stack {
  pub fn tcp_connect(&mut self, now: Instant, c: TcpConnect) -> Result<TcpId, ConnectError> { panic!("stub") }
  pub fn tcp_listen(&mut self, now: Instant, c: TcpListen) -> Result<ListenerId, BindError> { panic!("stub") }
  pub fn tcp_accept(&mut self, now: Instant, c: ListenerId) -> Option<TcpId> { None }
  pub fn tcp_incoming(&mut self, c: ListenerId) -> Option<Incoming> { None }
  pub fn tcp_decide(&mut self, now: Instant, i: IncomingId, d: Decision) {}
  pub fn tcp_listener_local(&self, c: ListenerId) -> Option<SocketAddr> { None }
  pub fn tcp_close_listener(&mut self, now: Instant, c: ListenerId) {}
  pub fn tcp(&mut self, now: Instant, id: TcpId) -> Option<Tcp<'_>> { None }
}
impl Tcp<'_> {
  pub fn send(&mut self, d: &[u8]) -> Result<usize, TcpError> { Ok(0) }
  pub fn send_bytes(&mut self, d: Bytes) -> Result<usize, TcpError> { Ok(0) }
  pub fn send_capacity(&self) -> usize { 0 }
  pub fn recv(&mut self, d: &mut [u8]) -> Result<usize, TcpError> { Ok(0) }
  pub fn peek(&mut self, d: &mut [u8]) -> Result<usize, TcpError> { Ok(0) }
  pub fn available(&self) -> usize { 0 }
  pub fn shutdown(&mut self) -> Result<(), TcpError> { Ok(()) }
  pub fn abort(&mut self) {}
  pub fn close(&mut self) {}
  pub fn local(&self) -> SocketAddr { loop {} }
  pub fn remote(&self) -> SocketAddr { loop {} }
  pub fn state(&self) -> TcpStateName { loop {} }
  pub fn info(&self) -> TcpInfo { loop {} }
  pub fn set_nodelay(&mut self, b: bool) {}
  pub fn nodelay(&self) -> bool { false }
  pub fn take_error(&mut self) -> Option<TcpError> { None }
  pub fn flow(&self) -> FlowId { loop {} }
}
