//! The blocks of a pcapng file as bytes.

use std::io::{self, Write};

use fathom_record::Direction;

use crate::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;

/// The secrets are a TLS key log: "TLSK".
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Time stamps count units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// Builds blocks one behind the other in memory that is used again.
#[derive(Default, Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// Writes out what was built.
    pub(super) fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// 4.1: byte order, version 1.0, length of the section not given.
    pub(super) fn section_header(&mut self, application: &str, comment: &str) {
        self.block(SECTION_HEADER, |it| {
            it.u32(0x1a2b_3c4d);
            it.u16(1);
            it.u16(0);
            it.u64(u64::MAX);
            it.option(SHB_USERAPPL, application.as_bytes());
            it.option(OPT_COMMENT, comment.as_bytes());
            it.end_of_options();
        });
    }

    /// 4.2: link type, no limit on the captured length, nanoseconds.
    pub(super) fn interface(&mut self, name: &str, link_type: LinkType) {
        self.block(INTERFACE_DESCRIPTION, |it| {
            it.u16(match link_type {
                LinkType::Ethernet => 1,
                LinkType::Raw => 101,
            });
            it.u16(0);
            it.u32(0);
            it.option(IF_NAME, name.as_bytes());
            it.option(IF_TSRESOL, &[NANOSECONDS]);
            it.end_of_options();
        });
    }

    /// 4.3: one frame, whole.
    pub(super) fn packet(
        &mut self,
        interface: u32,
        unix_nanos: u64,
        direction: Direction,
        frame: &[u8],
        comment: &str,
    ) {
        self.block(ENHANCED_PACKET, |it| {
            it.u32(interface);
            it.u32((unix_nanos >> 32) as u32);
            it.u32(unix_nanos as u32);
            it.u32(frame.len() as u32);
            it.u32(frame.len() as u32);
            it.padded(frame);
            // 4.3.1: the two lowest bits are the direction.
            let flags: u32 = match direction {
                Direction::Received => 1,
                Direction::Transmitted => 2,
            };
            it.option(EPB_FLAGS, &flags.to_le_bytes());
            it.option(OPT_COMMENT, comment.as_bytes());
            it.end_of_options();
        });
    }

    /// Decryption Secrets Block: one line of a key log.
    pub(super) fn tls_secret(&mut self, line: &str) {
        self.block(DECRYPTION_SECRETS, |it| {
            let line = line.trim_end();
            it.u32(TLS_KEY_LOG);
            it.u32(line.len() as u32 + 1);
            it.bytes.extend_from_slice(line.as_bytes());
            it.bytes.push(b'\n');
            it.pad();
        });
    }

    /// 4.6: frames of an interface, and records lost.
    pub(super) fn statistics(&mut self, interface: u32, first: u64, last: u64, frames: u64, lost: u64) {
        self.block(INTERFACE_STATISTICS, |it| {
            it.u32(interface);
            it.u32((last >> 32) as u32);
            it.u32(last as u32);
            for (option, time) in [(ISB_STARTTIME, first), (ISB_ENDTIME, last)] {
                let [high, low] = [(time >> 32) as u32, time as u32].map(u32::to_le_bytes);
                it.option(option, &[high, low].concat());
            }
            it.option(ISB_IFRECV, &frames.to_le_bytes());
            it.option(ISB_IFDROP, &lost.to_le_bytes());
            it.end_of_options();
        });
    }

    /// 3.1: type, length, body, length again.
    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(kind);
        self.u32(0);
        body(self);
        let len = (self.bytes.len() - start + 4) as u32;
        self.bytes[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
        self.u32(len);
    }

    /// 3.5: code, length, value, padding; nothing for an empty value.
    fn option(&mut self, code: u16, value: &[u8]) {
        // A length has 16 bits; what a person is told ends earlier.
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        if !value.is_empty() {
            self.u16(code);
            self.u16(value.len() as u16);
            self.padded(value);
        }
    }

    fn end_of_options(&mut self) {
        self.u32(0);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    /// Fills up to a multiple of 4. Blocks begin at one.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
}
