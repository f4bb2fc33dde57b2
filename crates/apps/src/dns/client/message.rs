//! Questions and answers as messages.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::ResolveError;
use crate::Family;

/// Largest UDP answer asked for: fits one packet on every path (RFC 9715 3).
pub(super) const UDP_PAYLOAD: u16 = 1232;
/// CNAMEs followed within one answer. Real chains have two or three.
const MAX_ALIASES: usize = 8;

/// One question: a name and a family, which is never [`Family::Any`].
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) family: Family,
}

/// Addresses, and how long they may be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// The addresses in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// The smallest time to live of the records used, in seconds.
    pub ttl: u32,
}

/// What an answer of the server says.
#[derive(Debug)]
pub(super) enum Reading {
    /// Not an answer to this question: forged, late or broken. Keep waiting (RFC 5452 9.1).
    Foreign,
    /// Cut: ask again over TCP.
    Truncated,
    /// The addresses.
    Addresses(Addresses),
    /// The name exists, without records of this type.
    NoData,
    /// There is no such name.
    NxDomain,
    /// The server failed or refused.
    Failure(ResponseCode),
}

/// The name as an absolute DNS name.
pub(super) fn parse_name(text: &str) -> Result<Name, ResolveError> {
    let invalid =
        |why: &dyn std::fmt::Display| ResolveError::InvalidName { name: text.into(), why: why.to_string() };
    if text.is_empty() {
        return Err(invalid(&"it is empty"));
    }
    let mut name = Name::from_str(text).map_err(|error| invalid(&error))?;
    name.set_fqdn(true);
    Ok(name)
}

impl Question {
    fn record_type(&self) -> RecordType {
        if self.family == Family::V4 { RecordType::A } else { RecordType::AAAA }
    }

    /// The question as a message with the id `id`.
    pub(super) fn message(&self, id: u16) -> Result<Vec<u8>, ResolveError> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.record_type()));
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD).set_version(0);
        message.set_edns(edns);
        message.to_vec().map_err(|error| ResolveError::InvalidName {
            name: self.name.to_string(),
            why: error.to_string(),
        })
    }

    /// Reads what came from the server as the answer to the message with the id `id`.
    pub(super) fn read(&self, id: u16, bytes: &[u8]) -> Reading {
        let Ok(message) = Message::from_vec(bytes) else { return Reading::Foreign };
        let metadata = &message.metadata;
        let ours = metadata.message_type == MessageType::Response
            && metadata.id == id
            && matches!(&message.queries[..],
                [query] if query.name() == &self.name && query.query_type() == self.record_type());
        if !ours {
            return Reading::Foreign;
        }
        if metadata.truncation {
            return Reading::Truncated;
        }
        match metadata.response_code {
            ResponseCode::NoError => self.addresses(&message),
            ResponseCode::NXDomain => Reading::NxDomain,
            code => Reading::Failure(code),
        }
    }

    /// Follows the aliases of the answer to the addresses (RFC 1034 3.6.2).
    fn addresses(&self, message: &Message) -> Reading {
        let mut name = &self.name;
        let mut ttl = u32::MAX;
        for _ in 0..=MAX_ALIASES {
            let mut addresses = Vec::new();
            let mut alias = None;
            for record in message.answers.iter().filter(|record| &record.name == name) {
                match &record.data {
                    RData::A(address) if self.family == Family::V4 => addresses.push(IpAddr::V4(address.0)),
                    RData::AAAA(address) if self.family == Family::V6 => {
                        addresses.push(IpAddr::V6(address.0));
                    }
                    RData::CNAME(target) => alias = Some(&target.0),
                    _ => continue,
                }
                ttl = ttl.min(record.ttl);
            }
            if !addresses.is_empty() {
                return Reading::Addresses(Addresses { addresses, ttl });
            }
            match alias {
                Some(target) => name = target,
                None => break,
            }
        }
        Reading::NoData
    }
}
