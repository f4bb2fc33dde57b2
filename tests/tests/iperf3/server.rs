//! The server's side of an iperf3 test, on our sockets: a sink for what the client sends, a source of what it
//! wants to receive.
//!
//! iperf3 has no specification; the exchange is the one that its client of version 3.12 expects. All
//! connections come to one port. The first is the control connection, where each side says by one byte what
//! comes next; what has parameters is JSON behind its length. Every connection begins with the cookie of its
//! test.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fathom_net::{Host, JoinHandle, TcpListener, TcpStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TEST_START: u8 = 1;
const TEST_RUNNING: u8 = 2;
const TEST_END: u8 = 4;
const PARAM_EXCHANGE: u8 = 9;
const CREATE_STREAMS: u8 = 10;
const EXCHANGE_RESULTS: u8 = 13;
const DISPLAY_RESULTS: u8 = 14;
const IPERF_DONE: u8 = 16;

/// A cookie: 36 characters and a zero.
const COOKIE: usize = 37;

/// How many bytes each stream moved, in the order in which the client opened them.
pub(crate) type Moved = Vec<u64>;

/// One of the streams of a test.
struct Stream {
    moved: Arc<AtomicU64>,
    task: JoinHandle<io::Result<()>>,
}

/// Serves one test to its end.
pub(crate) async fn serve_one(host: &Host, listener: &TcpListener) -> io::Result<Moved> {
    let (mut control, _) = listener.accept().await?;
    let cookie = read_cookie(&mut control).await?;
    control.write_u8(PARAM_EXCHANGE).await?;
    let parameters = read_json(&mut control).await?;
    let wants = |name: &str| parameters[name].as_bool() == Some(true);
    let parallel = parameters["parallel"].as_u64().unwrap_or(1);
    let len = parameters["len"].as_u64().unwrap_or(128 << 10) as usize;
    // In a bidirectional test the client opens first the streams that it sends on.
    let directions = match (wants("bidirectional"), wants("reverse")) {
        (true, _) => vec![false, true],
        (false, reverse) => vec![reverse],
    };

    control.write_u8(CREATE_STREAMS).await?;
    let over = Arc::new(AtomicBool::new(false));
    let mut streams = Vec::new();
    for sends in directions {
        for _ in 0..parallel {
            let (mut stream, _) = listener.accept().await?;
            if read_cookie(&mut stream).await? != cookie {
                return Err(io::Error::other("a connection of another test"));
            }
            streams.push(start(host, stream, sends, len, &over));
        }
    }
    control.write_u8(TEST_START).await?;
    control.write_u8(TEST_RUNNING).await?;
    expect(&mut control, TEST_END).await?;

    control.write_u8(EXCHANGE_RESULTS).await?;
    let _theirs = read_json(&mut control).await?;
    let moved: Moved = streams.iter().map(|stream| stream.moved.load(Ordering::Relaxed)).collect();
    write_json(&mut control, &results(&moved)).await?;
    control.write_u8(DISPLAY_RESULTS).await?;
    expect(&mut control, IPERF_DONE).await?;
    over.store(true, Ordering::Relaxed);
    for stream in streams {
        // The client is through and closes its streams as it likes, also with data on the way.
        let _ = stream.task.await;
    }
    Ok(moved)
}

fn start(host: &Host, mut stream: TcpStream, sends: bool, len: usize, over: &Arc<AtomicBool>) -> Stream {
    let moved = Arc::new(AtomicU64::new(0));
    let (count, over) = (Arc::clone(&moved), Arc::clone(over));
    let task = host.spawn(async move {
        let mut block = vec![0x5a; len];
        while !over.load(Ordering::Relaxed) {
            let n = if sends { stream.write(&block).await? } else { stream.read(&mut block).await? };
            if n == 0 {
                break;
            }
            count.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(())
    });
    Stream { moved, task }
}

/// Our part of the results. The first stream is called 1, the second 3: iperf3 counts so.
fn results(moved: &Moved) -> Value {
    let streams: Vec<Value> = moved
        .iter()
        .zip([1].into_iter().chain(3..))
        .map(|(bytes, id)| {
            json!({ "id": id, "bytes": bytes, "retransmits": -1, "jitter": 0, "errors": 0, "packets": 0 })
        })
        .collect();
    json!({
        "cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0,
        "sender_has_retransmits": 0, "streams": streams,
    })
}

async fn read_cookie(stream: &mut TcpStream) -> io::Result<[u8; COOKIE]> {
    let mut cookie = [0; COOKIE];
    stream.read_exact(&mut cookie).await?;
    Ok(cookie)
}

async fn expect(control: &mut TcpStream, state: u8) -> io::Result<()> {
    match control.read_u8().await? {
        got if got == state => Ok(()),
        got => Err(io::Error::other(format!("the client says {got} where {state} comes next"))),
    }
}

async fn read_json(control: &mut TcpStream) -> io::Result<Value> {
    let len = control.read_u32().await?;
    if len > 1 << 20 {
        return Err(io::Error::other(format!("{len} bytes of parameters")));
    }
    let mut text = vec![0; len as usize];
    control.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

async fn write_json(control: &mut TcpStream, value: &Value) -> io::Result<()> {
    let text = value.to_string();
    control.write_u32(text.len() as u32).await?;
    control.write_all(text.as_bytes()).await
}
