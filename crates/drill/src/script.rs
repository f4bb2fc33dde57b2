//! A script as it was read: settings, commands before it starts, and events in order.

use std::time::Duration;

use fathom_wire::TcpFlags;

use crate::code::Code;
use crate::settings::Settings;

/// Where something begins in a script: line and column, both from 1. Columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A script that could be read.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// What its lines of options say.
    pub settings: Settings,
    /// Commands before the first event: they hold before the stack is made.
    pub init: Vec<Command>,
    /// What happens and what must happen, in order.
    pub events: Vec<Event>,
}

/// One thing that happens or must happen.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Where it begins.
    pub place: Place,
    /// Its text, as it stands in the script, on one line.
    pub text: String,
    /// When.
    pub time: Time,
    /// What.
    pub action: Action,
}

/// When an event happens, or must happen. The script's zero is where it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// `*`: whenever it does.
    Any,
    /// `0.5`: since the script's zero.
    Absolute(Duration),
    /// `+0.5`: since the event before it happened.
    Relative(Duration),
    /// `0.1~0.2`: between the two.
    AbsoluteRange(Duration, Duration),
    /// `+0.1~+0.2`: the same since the event before it happened.
    RelativeRange(Duration, Duration),
}

/// What an event does.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// A packet that arrives, or that must leave.
    Packet(Packet),
    /// A system call and what it must return.
    Call(Call),
    /// A shell command; settings of the kernel alone are understood.
    Command(Command),
    /// Assertions.
    Code(Code),
}

/// A shell command in backquotes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Where it begins.
    pub place: Place,
    /// Between the backquotes.
    pub text: String,
    /// The settings that it makes: names and values.
    pub settings: Vec<(String, String)>,
}

/// Which way a packet goes, seen from the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `<`: it arrives.
    Inbound,
    /// `>`: it leaves.
    Outbound,
}

/// A packet: to be made (inbound), or to be compared with (outbound).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Which way it goes.
    pub direction: Direction,
    /// What is said of its IP header, and whose it is.
    pub ip: Ip,
    /// What it carries.
    pub body: Body,
}

/// What a script says of an IP header; what it does not say has its default (inbound) or is not compared
/// (outbound).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ip {
    /// Congestion notification.
    pub ecn: Option<EcnSpec>,
    /// The whole byte of differentiated services and congestion notification.
    pub tos: Option<u8>,
    /// Time to live, hop limit.
    pub ttl: Option<u8>,
    /// IPv6 flow label.
    pub flow_label: Option<u32>,
    /// Don't Fragment of IPv4.
    pub dont_fragment: Option<bool>,
    /// Whether the checksum of the transport is to be wrong (inbound only).
    pub bad_checksum: bool,
    /// Which of the script's peers it is from or to; 0 unless it says otherwise.
    pub peer: u16,
}

/// Congestion notification as a script writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EcnSpec {
    /// `noecn`: not capable.
    NotEct,
    /// `ect0`.
    Ect0,
    /// `ect1`.
    Ect1,
    /// `ect01`: either of the two.
    Ect,
    /// `ce`: congestion experienced.
    Ce,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A segment.
    Tcp(Tcp),
    /// A datagram of so many bytes.
    Udp(u16),
    /// An ICMP message.
    Icmp(Icmp),
}

/// A segment, with the script's sequence numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tcp {
    /// The control bits.
    pub flags: TcpFlags,
    /// The first sequence number.
    pub seq: u32,
    /// Bytes of data.
    pub len: u16,
    /// The acknowledgement number, if the script gives one.
    pub ack: Option<u32>,
    /// The window as it stands in the header, not scaled.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// The options.
    pub options: Options,
}

/// The options of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Options {
    /// `<...>`: any (outbound only).
    Any,
    /// Exactly these, in this order, padding included.
    These(Vec<TcpOption>),
}

/// One option of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// `eol`
    End,
    /// `nop`
    Nop,
    /// `mss 1460`
    Mss(u16),
    /// `wscale 7`
    WindowScale(u8),
    /// `sackOK`
    SackPermitted,
    /// `sack 1:1001 2001:3001`
    Sack(Vec<(u32, u32)>),
    /// `TS val 100 ecr 0`; `None` for `...`
    Timestamps(Option<u32>, Option<u32>),
    /// `FO cookie`: hexadecimal digits, none for a request.
    FastOpen(Vec<u8>),
    /// `FOEXP cookie`: the experimental form (kind 254 with 0xF989).
    FastOpenExperimental(Vec<u8>),
    /// `md5 digest` (RFC 2385), 16 bytes in hexadecimal digits.
    Md5(Vec<u8>),
    /// `ECN e0b 1 ceb 0 e1b 1`: accurate ECN; the order says which of its two kinds.
    AccEcn {
        /// Whether the counter of ECT(0) comes first.
        ect0_first: bool,
        /// The counters in order.
        counters: Vec<u32>,
    },
    /// `opt 253 0a0b`: any kind, with its data.
    Other(u8, Vec<u8>),
}

/// An ICMP message, of the script's IP version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Subtype.
    pub code: u8,
    /// The next hop's MTU.
    pub mtu: Option<u32>,
    /// The packet that it is about: one that left (in a message that arrives), or one that arrived.
    pub quoted: Option<Quoted>,
}

/// The packet that an ICMP error quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quoted {
    /// A segment: first sequence number and bytes of data.
    Tcp(u32, u16),
    /// A datagram of so many bytes.
    Udp(u16),
}

/// A system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// When it must return, for one that blocks: since the script's zero, or since the same event as its
    /// beginning.
    pub end: Option<Duration>,
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// What it is given.
    pub arguments: Vec<Expression>,
    /// What it must return.
    pub returns: Expression,
    /// The error it must set.
    pub errno: Option<Errno>,
}

/// An error as a script names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Errno {
    /// `EAGAIN`
    pub name: String,
    /// Its number.
    pub number: i32,
    /// What stands in parentheses behind it.
    pub text: Option<String>,
}

/// A value in a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value in a call is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `...`: whatever is needed here.
    Any,
    /// A number, be it from constants and `|`.
    Integer(i64),
    /// A string.
    Text(Vec<u8>),
    /// `[a, b]`
    List(Vec<Expression>),
    /// `{a, b=c, d(1)=e}`
    Struct(Vec<Member>),
    /// `inet_addr("192.0.2.1")`, `inet_pton(AF_INET6, "::1")`: an address.
    Address(std::net::IpAddr),
}

/// A member of a [`Value::Struct`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What stands in parentheses behind the name.
    pub size: Option<i64>,
    /// Its value.
    pub value: Expression,
}
