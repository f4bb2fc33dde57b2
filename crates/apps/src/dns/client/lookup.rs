//! The questions for one name, running side by side.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use fathom_net::{Host, Resolve};

pub use super::message::Addresses;
use super::message::{Question, parse_name};
use super::{DnsResolver, ResolveError, exchange};
use crate::Family;

type Running = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send>>;

/// The answer to one question of a lookup.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The family that was asked for; [`Family::Any`] from a resolver that does not tell them apart.
    pub family: Family,
    /// The addresses, or why there are none.
    pub result: Result<Addresses, ResolveError>,
}

/// Questions under way. Dropping it gives them up.
pub struct Lookup {
    /// Each question is sent by its first poll, in this order.
    running: Vec<(Family, Running)>,
    /// Answers that came while another one was given out.
    answered: Vec<Answer>,
    queries: Arc<AtomicU32>,
    name: String,
    family: Family,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("waiting_for", &self.running.len()).finish_non_exhaustive()
    }
}

impl Lookup {
    /// Those of the `addresses` that are of `family`, for a `name` whose addresses are known already.
    pub fn known(name: &str, mut addresses: Vec<IpAddr>, family: Family) -> Lookup {
        addresses.retain(|address| family.includes(*address));
        Lookup::single(name, family, async move { Ok(Addresses { addresses, ttl: 0 }) })
    }

    /// A lookup through a resolver of any kind, which gives all addresses at once.
    pub fn through(host: &Host, resolver: Arc<dyn Resolve>, name: &str, family: Family) -> Lookup {
        let (host, asked) = (host.clone(), name.to_owned());
        Lookup::single(name, family, async move {
            match resolver.resolve(&host, &asked).await {
                Ok(mut addresses) => {
                    addresses.retain(|address| family.includes(*address));
                    Ok(Addresses { addresses, ttl: 0 })
                }
                Err(cause) => Err(downcast(asked, cause)),
            }
        })
    }

    /// A lookup that has failed already.
    pub fn failed(name: &str, error: ResolveError) -> Lookup {
        Lookup::single(name, Family::Any, async move { Err(error) })
    }

    pub(super) fn start(host: &Host, resolver: &DnsResolver, name: &str, family: Family) -> Lookup {
        let parsed = match parse_name(name) {
            Ok(parsed) => parsed,
            Err(error) => return Lookup::failed(name, error),
        };
        // RFC 6761 6.3: localhost is never asked for.
        if parsed.is_localhost() {
            let both = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
            return Lookup::known(name, both.to_vec(), family);
        }
        // RFC 8305 3: the AAAA question goes out first, the A question right behind it.
        let families: &[Family] = match family {
            Family::Any => &[Family::V6, Family::V4],
            Family::V6 => &[Family::V6],
            Family::V4 => &[Family::V4],
        };
        let queries = Arc::new(AtomicU32::new(0));
        let ask = |family: &Family| -> (Family, Running) {
            let question = Question { name: parsed.clone(), family: *family };
            let (servers, settings) = (resolver.servers.clone(), resolver.settings.clone());
            (*family, Box::pin(exchange::ask(host.clone(), servers, settings, question, queries.clone())))
        };
        let running = families.iter().map(ask).collect();
        Lookup { running, answered: Vec::new(), queries, name: name.into(), family }
    }

    fn single(
        name: &str,
        family: Family,
        answer: impl Future<Output = Result<Addresses, ResolveError>> + Send + 'static,
    ) -> Lookup {
        Lookup {
            running: vec![(Family::Any, Box::pin(answer))],
            answered: Vec::new(),
            queries: Arc::new(AtomicU32::new(0)),
            name: name.into(),
            family,
        }
    }

    /// What to say when all questions were answered, and nothing was found.
    pub(crate) fn nothing(&self) -> ResolveError {
        ResolveError::NoneOfFamily { name: self.name.clone(), family: self.family }
    }

    /// The next answer; `None` when all questions are answered.
    pub async fn next(&mut self) -> Option<Answer> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Lookup::next`] for a hand-written future.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let answered = &mut self.answered;
        self.running.retain_mut(|(family, question)| match question.as_mut().poll(cx) {
            Poll::Ready(result) => {
                answered.push(Answer { family: *family, result });
                false
            }
            Poll::Pending => true,
        });
        if !self.answered.is_empty() {
            return Poll::Ready(Some(self.answered.remove(0)));
        }
        if self.running.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// How many messages were sent so far, repetitions and TCP included.
    pub fn queries(&self) -> u32 {
        self.queries.load(Ordering::Relaxed)
    }
}

/// The typed error inside an `io::Error` of a resolver of ours.
fn downcast(name: String, cause: io::Error) -> ResolveError {
    match cause.downcast::<ResolveError>() {
        Ok(error) => error,
        Err(cause) => ResolveError::Other { name, cause: Arc::new(cause) },
    }
}
