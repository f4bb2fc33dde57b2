use std::net::SocketAddr;

use fathom_net::{Host, TcpListener, UdpSocket};
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};

use super::*;
use crate::testing::{Bench, SERVER_V4, SERVER_V6, ip};

/// Asks for all addresses of `name`, in the order of the answers.
async fn all(host: Host, name: &'static str) -> Result<Vec<IpAddr>, ResolveError> {
    let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
    let mut lookup = resolver.lookup(&host, name, Family::Any);
    let mut found = Vec::new();
    while let Some(answer) = lookup.next().await {
        match answer.result {
            Ok(addresses) => found.extend(addresses.addresses),
            Err(ResolveError::NoAddress { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A server that answers each datagram by what `answer` makes of the message in it.
async fn odd_server(host: Host, answer: impl FnMut(Message) -> Vec<Message> + Send + 'static) {
    odd_server_at(host, 53, answer).await;
}

async fn odd_server_at(
    host: Host,
    port: u16,
    mut answer: impl FnMut(Message) -> Vec<Message> + Send + 'static,
) {
    let socket = UdpSocket::bind(&host, SocketAddr::new(ip(SERVER_V4), port)).await.unwrap();
    host.spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            for message in answer(Message::from_vec(&buffer[..len]).unwrap()) {
                socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
            }
        }
    });
}

fn answered(question: &Message, code: ResponseCode) -> Message {
    let mut message = question.clone().into_response();
    message.metadata.message_type = MessageType::Response;
    message.metadata.response_code = code;
    message
}

#[test]
fn asks_for_both_families_at_once() {
    let mut bench = Bench::new().with_dns();
    let (host, start) = (bench.client.clone(), bench.millis());
    let found = bench.run(async move { all(host, "example.test").await.unwrap() });
    assert_eq!(found, [ip(SERVER_V6), ip(SERVER_V4)]);
    assert!(bench.millis() - start < 20.5, "one round trip, took {}", bench.millis() - start);
}

#[test]
fn follows_an_alias_within_the_answer() {
    let mut bench = Bench::new().with_dns();
    let host = bench.client.clone();
    let found = bench.run(async move { all(host, "www.example.test").await.unwrap() });
    assert_eq!(found, [ip(SERVER_V6), ip(SERVER_V4)]);
}

#[test]
fn tells_a_name_that_does_not_exist_from_one_without_addresses() {
    let mut bench = Bench::new().with_dns();
    let host = bench.client.clone();
    let error = bench.run(async move { all(host, "nowhere.test").await.unwrap_err() });
    assert_eq!(error.to_string(), "nowhere.test: no such name (NXDOMAIN from 10.0.0.2:53)");
    let host = bench.client.clone();
    let error = bench.run(async move {
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        let answer = resolver.lookup(&host, "v4.test", Family::V6).next().await.unwrap();
        answer.result.unwrap_err()
    });
    assert_eq!(error.to_string(), "v4.test has no IPv6 address (from 10.0.0.2:53)");
}

#[test]
fn asks_over_tcp_when_the_answer_was_cut() {
    let mut bench = Bench::new().with_dns();
    let host = bench.client.clone();
    let (count, queries) = bench.run(async move {
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        let mut lookup = resolver.lookup(&host, "many.test", Family::V4);
        let answer = lookup.next().await.unwrap();
        (answer.result.unwrap().addresses.len(), lookup.queries())
    });
    assert_eq!((count, queries), (100, 2));
}

#[test]
fn repeats_an_unanswered_question_and_still_takes_a_late_answer() {
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let start = bench.millis();
    let found = bench.run(async move {
        let mut asked = 0;
        let mut first = Vec::new();
        // Answers the first questions only when the second ones come, and the second ones never.
        odd_server(server, move |question| {
            asked += 1;
            if asked <= 2 {
                first.push(question);
                return Vec::new();
            }
            let question = first.remove(0);
            let mut message = answered(&question, ResponseCode::NoError);
            message.add_answer(Record::from_rdata(
                question.queries[0].name().clone(),
                5,
                RData::A(A::new(9, 9, 9, 9)),
            ));
            vec![message]
        })
        .await;
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        let mut lookup = resolver.lookup(&client, "late.test", Family::Any);
        let mut found = Vec::new();
        while let Some(answer) = lookup.next().await {
            found.extend(answer.result.map(|addresses| addresses.addresses).unwrap_or_default());
        }
        (found, lookup.queries())
    });
    assert_eq!(found, (vec![ip("9.9.9.9")], 4));
    let took = bench.millis() - start;
    assert!((1020.0..1021.0).contains(&took), "took {took}");
}

#[test]
fn gives_up_on_a_silent_server_after_three_rounds() {
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let start = bench.millis();
    let error = bench.run(async move {
        odd_server(server, |_| Vec::new()).await;
        all(client, "silent.test").await.unwrap_err()
    });
    assert_eq!(error.to_string(), "silent.test: no answer from 10.0.0.2:53");
    assert!((bench.millis() - start - 7000.0).abs() < 1.0);
}

#[test]
fn asks_the_next_server_when_one_fails() {
    let mut bench = Bench::new().with_dns();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let found = bench.run(async move {
        odd_server_at(server, 5353, |question| vec![answered(&question, ResponseCode::ServFail)]).await;
        let servers = [5353, 53].map(|port| SocketAddr::new(ip(SERVER_V4), port));
        let resolver = DnsResolver::new(servers.to_vec());
        let mut lookup = resolver.lookup(&client, "example.test", Family::V4);
        let answer = lookup.next().await.unwrap();
        let only = DnsResolver::new(servers[..1].to_vec());
        let error = only.lookup(&client, "example.test", Family::V4).next().await.unwrap();
        (answer.result.unwrap().addresses, error.result.unwrap_err().to_string())
    });
    assert_eq!(found.0, [ip(SERVER_V4)]);
    assert_eq!(found.1, "example.test: SERVFAIL from 10.0.0.2:5353");
}

#[test]
fn believes_the_first_server_that_a_name_does_not_exist() {
    let mut bench = Bench::new().with_dns();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let (error, queries) = bench.run(async move {
        odd_server_at(server, 5353, |question| vec![answered(&question, ResponseCode::NXDomain)]).await;
        let servers = [5353, 53].map(|port| SocketAddr::new(ip(SERVER_V4), port));
        let resolver = DnsResolver::new(servers.to_vec());
        let mut lookup = resolver.lookup(&client, "example.test", Family::V4);
        (lookup.next().await.unwrap().result.unwrap_err(), lookup.queries())
    });
    assert_eq!(error.to_string(), "example.test: no such name (NXDOMAIN from 10.0.0.2:5353)");
    assert_eq!(queries, 1);
}

#[test]
fn ignores_answers_that_do_not_belong_to_the_question() {
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let found = bench.run(async move {
        odd_server(server, |question| {
            let address = |message: &mut Message, last| {
                let name = question.queries[0].name().clone();
                message.add_answer(Record::from_rdata(name, 5, RData::A(A::new(9, 9, 9, last))));
            };
            let mut wrong_id = answered(&question, ResponseCode::NoError);
            wrong_id.metadata.id ^= 1;
            address(&mut wrong_id, 1);
            let mut wrong_question = answered(&question, ResponseCode::NoError);
            wrong_question.queries.clear();
            address(&mut wrong_question, 2);
            let mut right = answered(&question, ResponseCode::NoError);
            address(&mut right, 3);
            vec![wrong_id, question.clone(), wrong_question, right]
        })
        .await;
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        resolver.lookup(&client, "a.test", Family::V4).next().await.unwrap().result.unwrap().addresses
    });
    assert_eq!(found, [ip("9.9.9.3")]);
}

#[test]
fn gives_up_on_a_tcp_server_that_does_not_answer() {
    let mut bench = Bench::new();
    let (server, client) = (bench.server.clone(), bench.client.clone());
    let error = bench.run(async move {
        odd_server(server.clone(), |question| {
            let mut cut = answered(&question, ResponseCode::NoError);
            cut.metadata.truncation = true;
            vec![cut]
        })
        .await;
        let listener = TcpListener::bind(&server, SocketAddr::new(ip(SERVER_V4), 53)).await.unwrap();
        server.spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                kept.push(stream);
            }
        });
        let resolver = DnsResolver::new(vec![SocketAddr::new(ip(SERVER_V4), 53)]);
        resolver.lookup(&client, "cut.test", Family::V4).next().await.unwrap().result.unwrap_err()
    });
    assert_eq!(error.to_string(), "cut.test: no answer from 10.0.0.2:53");
}

#[test]
fn does_not_ask_for_localhost_or_for_nonsense() {
    let mut bench = Bench::new();
    let host = bench.client.clone();
    let (local, empty, long) = bench.run(async move {
        let label = Box::leak("a".repeat(64).into_boxed_str());
        (all(host.clone(), "localhost").await, all(host.clone(), "").await, all(host, label).await)
    });
    assert_eq!(local.unwrap(), [ip("::1"), ip("127.0.0.1")]);
    assert!(matches!(empty, Err(ResolveError::InvalidName { .. })));
    assert!(matches!(long, Err(ResolveError::InvalidName { .. })));
}
