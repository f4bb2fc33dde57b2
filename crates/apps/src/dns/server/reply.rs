//! One message in, one message out.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_net::NetError;
use hickory_net::runtime::TokioTime;
use hickory_net::xfer::Protocol;
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::BinEncoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{Catalog, MessageResponse};

/// Largest answer over UDP, whatever the client would take: fits one packet on every path (RFC 9715 3).
const MAX_UDP: u16 = 1232;
/// What every client takes that does not say more (RFC 1035 4.2.1).
const MIN_UDP: u16 = 512;

/// How a question came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// The answer to `question`; `None` where what came is no question at all.
pub(super) async fn answer(
    catalog: &Catalog,
    question: &[u8],
    from: SocketAddr,
    transport: Transport,
) -> Option<Vec<u8>> {
    let protocol = match transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp => Protocol::Tcp,
    };
    let request = Request::from_bytes(question.to_vec(), from, protocol).ok()?;
    let reply = Reply { transport, bytes: Arc::default() };
    // The catalog takes a clock for DNSSEC signatures, which these zones do not have.
    catalog.handle_request::<_, TokioTime>(&request, reply.clone()).await;
    let bytes = std::mem::take(&mut *reply.bytes.lock().unwrap_or_else(PoisonError::into_inner));
    (!bytes.is_empty()).then_some(bytes)
}

/// Takes the catalog's answer as bytes.
#[derive(Clone)]
struct Reply {
    transport: Transport,
    bytes: Arc<Mutex<Vec<u8>>>,
}

#[async_trait::async_trait]
impl ResponseHandler for Reply {
    async fn send_response<'a>(
        &mut self,
        mut response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        // The zone is all there is to know, so asking further is never needed, and always possible.
        response.metadata_mut().recursion_available = true;
        let limit = match (self.transport, response.edns()) {
            (Transport::Tcp, _) => u16::MAX,
            (Transport::Udp, Some(edns)) => edns.max_payload().clamp(MIN_UDP, MAX_UDP),
            (Transport::Udp, None) => MIN_UDP,
        };
        let mut bytes = Vec::with_capacity(usize::from(MIN_UDP));
        let mut encoder = BinEncoder::new(&mut bytes);
        // The encoder cuts what does not fit and sets TC (RFC 2181 9).
        encoder.set_max_size(limit);
        let info = response.destructive_emit(&mut encoder)?;
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(info)
    }
}
