//! Other people's crates on our sockets: each runs as it would on tokio's.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use fathom_apps::dns::HostProvider;
use fathom_apps::dns::server::{DnsServer, Zone};
use fathom_apps::http::runtime::{HostExecutor, HostTimer};
use fathom_device::MemoryDevice;
use fathom_impair::Conditions;
use fathom_net::driver::{Attachment, RealTime};
use fathom_net::{Config, Host, TcpStream};
use fathom_world::{LinkSpec, World};
use futures_util::{SinkExt, StreamExt};
use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::Message;

/// A client and a server, 192.0.2.1 and 192.0.2.2, with a round trip of 20 ms and some loss between them.
fn world() -> (World, Host, Host) {
    let mut world = World::new(1);
    let (client, server) =
        (world.add_host("client", Config::default()), world.add_host("server", Config::default()));
    let bad = Conditions::default().delay(Duration::from_millis(10)).loss("1%".parse().unwrap());
    let (client_eth, server_eth) = world.connect(&client, &server, LinkSpec::both_ways(bad));
    client.add_address(client_eth, "192.0.2.1/24".parse().unwrap()).unwrap();
    server.add_address(server_eth, "192.0.2.2/24".parse().unwrap()).unwrap();
    (world, client, server)
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A body that does not fit one window, and differs from place to place.
fn long_body() -> Bytes {
    (0..500_000u32).map(|number| (number / 3) as u8).collect()
}

/// Sends back the body of a request.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}

fn post(uri: &str) -> Request<Full<Bytes>> {
    Request::post(uri).header("host", "server.test").body(Full::new(long_body())).unwrap()
}

#[test]
fn hyper_speaks_http_1_on_both_ends() {
    let (mut world, client, server) = world();
    let listener = server.tcp_listen(at("192.0.2.2:80")).unwrap();
    let timer = HostTimer::new(server.clone());
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(timer).header_read_timeout(Duration::from_secs(5)).auto_date_header(false);
        builder.serve_connection(TokioIo::new(stream), service_fn(echo)).await
    });
    let body = world.block_on(async {
        let stream = client.tcp_connect(at("192.0.2.2:80")).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        client.spawn(connection);
        let response = sender.send_request(post("/")).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert!(body.unwrap() == long_body());
}

#[test]
fn hyper_speaks_http_2_on_both_ends_with_streams_at_once() {
    let (mut world, client, server) = world();
    let listener = server.tcp_listen(at("192.0.2.2:80")).unwrap();
    let host = server.clone();
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = hyper::server::conn::http2::Builder::new(HostExecutor(host.clone()));
        builder.timer(HostTimer::new(host)).auto_date_header(false);
        builder.serve_connection(TokioIo::new(stream), service_fn(echo)).await
    });
    let finished = world.block_on(async {
        let stream = client.tcp_connect(at("192.0.2.2:80")).await.unwrap();
        let (sender, connection) = hyper::client::conn::http2::Builder::new(HostExecutor(client.clone()))
            .timer(HostTimer::new(client.clone()))
            .keep_alive_interval(Duration::from_secs(1))
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        client.spawn(connection);
        let requests: Vec<_> = (0..3)
            .map(|_| {
                let mut sender = sender.clone();
                client.spawn(async move {
                    let response = sender.send_request(post("http://server.test/")).await.unwrap();
                    response.into_body().collect().await.unwrap().to_bytes() == long_body()
                })
            })
            .collect();
        for request in requests {
            assert!(request.await.unwrap());
        }
    });
    finished.unwrap();
}

#[test]
fn a_request_without_its_end_is_given_up_by_the_hosts_clock() {
    let (mut world, client, server) = world();
    let listener = server.tcp_listen(at("192.0.2.2:80")).unwrap();
    let timer = HostTimer::new(server.clone());
    let serving = server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(timer).header_read_timeout(Duration::from_secs(5)).auto_date_header(false);
        let never = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) });
        builder.serve_connection(TokioIo::new(stream), never).await
    });
    let started = world.now();
    let stream = world.block_on(client.tcp_connect(at("192.0.2.2:80"))).unwrap().unwrap();
    stream.try_write(b"GET / HTTP/1.1\r\n").unwrap();
    assert!(world.block_on(serving).unwrap().unwrap().unwrap_err().is_timeout());
    assert_eq!((world.now() - started).as_secs(), 5);
}

#[test]
fn tungstenite_exchanges_messages_and_closes() {
    let (mut world, client, server) = world();
    let listener = server.tcp_listen(at("192.0.2.2:80")).unwrap();
    let serving = server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let mut messages = 0;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
            messages += 1;
            socket.send(message).await.unwrap();
        }
        messages
    });
    let answers = world.block_on(async {
        let stream = client.tcp_connect(at("192.0.2.2:80")).await.unwrap();
        let (mut socket, response) =
            tokio_tungstenite::client_async("ws://server.test/chat", stream).await.unwrap();
        assert_eq!(response.status(), 101);
        for message in [Message::text("hello"), Message::binary(long_body())] {
            socket.send(message.clone()).await.unwrap();
            assert!(socket.next().await.unwrap().unwrap() == message);
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    });
    answers.unwrap();
    assert_eq!(world.block_on(serving).unwrap().unwrap(), 2);
}

/// Runs `future` in a tokio runtime, and the world beside it: whenever tokio's tasks have nothing to do, a
/// millisecond of the world's time passes.
fn in_tokio_and<T>(world: &mut World, future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut future = pin!(future);
    for _ in 0..60_000 {
        let polled = runtime.block_on(async {
            for _ in 0..10 {
                // Every ready task has its turn.
                tokio::task::yield_now().await;
            }
            future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        if let Poll::Ready(output) = polled {
            return output;
        }
        world.run_for(Duration::from_millis(1)).unwrap();
    }
    panic!("it does not end within a minute of the world");
}

#[test]
fn axum_serves_from_our_listener() {
    use axum::extract::connect_info::Connected;
    use axum::extract::{ConnectInfo, Path};
    use axum::routing::{get, post};
    use axum::serve::IncomingStream;

    #[derive(Clone)]
    struct Peer(SocketAddr);

    impl Connected<IncomingStream<'_, fathom_net::TcpListener>> for Peer {
        fn connect_info(stream: IncomingStream<'_, fathom_net::TcpListener>) -> Self {
            Peer(*stream.remote_addr())
        }
    }

    let (mut world, client, server) = world();
    let listener = server.tcp_listen(at("192.0.2.2:80")).unwrap();
    let router = axum::Router::new()
        .route("/hello/{name}", get(|Path(name): Path<String>| async move { format!("hello, {name}") }))
        .route(
            "/peer",
            get(|ConnectInfo(Peer(peer)): ConnectInfo<Peer>| async move { peer.ip().to_string() }),
        )
        .route("/echo", post(|body: Bytes| async move { body }));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = router.into_make_service_with_connect_info::<Peer>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async { stopped.await.unwrap() });

    let fetch = async {
        let stream = client.tcp_connect(at("192.0.2.2:80")).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        client.spawn(connection);
        let mut bodies = Vec::new();
        let request = |uri| Request::get(uri).header("host", "x").body(Full::default()).unwrap();
        for request in [request("/hello/world"), request("/peer"), crate::post("/echo")] {
            let response = sender.send_request(request).await.unwrap();
            bodies.push(response.into_body().collect().await.unwrap().to_bytes());
        }
        drop(sender);
        stop.send(()).unwrap();
        bodies
    };
    let both = futures_util::future::join(serving.into_future(), fetch);
    let (served, bodies) = in_tokio_and(&mut world, both);
    served.unwrap();
    assert_eq!(bodies[..2], ["hello, world", "192.0.2.1"]);
    assert!(bodies[2] == long_body());
}

/// hickory's timers are tokio's, so this runs in real time, over a cable in memory.
#[test]
fn hickory_resolves_over_udp_and_over_tcp() {
    let (a, b) = MemoryDevice::pair(1500).unwrap();
    let start = |name, device, address: &str| {
        let driver = RealTime::builder(name).start().unwrap();
        let eth = driver.attach(Attachment::new(device)).unwrap();
        driver.host().add_address(eth, address.parse().unwrap()).unwrap();
        driver
    };
    let (client, server) = (start("client", a, "192.0.2.1/24"), start("server", b, "192.0.2.2/24"));
    // More addresses than a datagram has room for: hickory asks again over TCP.
    let zone = (0..200).try_fold(
        Zone::new("test.").unwrap().address("one.test.", [198, 51, 100, 1].into(), 60).unwrap(),
        |zone, last| zone.address("many.test.", [198, 51, 100, last].into(), 60),
    );
    let dns = DnsServer::new(zone.unwrap()).unwrap();
    server.host().block_on(dns.start(server.host(), at("192.0.2.2:53"))).unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let found = runtime.block_on(async {
        let servers = vec![NameServerConfig::udp_and_tcp([192, 0, 2, 2].into())];
        let config = ResolverConfig::from_parts(None, vec![], servers);
        let mut builder = Resolver::builder_with_config(config, HostProvider::new(client.host()));
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().unwrap();
        let mut found = Vec::new();
        for name in ["one.test.", "many.test."] {
            found.push(resolver.lookup_ip(name).await.unwrap().iter().count());
        }
        assert!(resolver.lookup_ip("none.test.").await.is_err());
        found
    });
    assert_eq!(found, [1, 200]);
}

/// What the crates above and others ask of a stream and of a socket.
#[test]
fn sockets_go_where_those_of_tokio_go() {
    fn stream<
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + Sync + std::fmt::Debug + 'static,
    >() {
    }
    fn socket<T: Unpin + Send + Sync + std::fmt::Debug + 'static>() {}
    stream::<TcpStream>();
    socket::<fathom_net::TcpListener>();
    socket::<fathom_net::UdpSocket>();
}
