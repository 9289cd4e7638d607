//! Sockets on a real listener, over a node on a log in memory and a desk that is none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::{SinkExt, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tower::ServiceExt as _;

use super::fake_desk::FakeDesk;
use super::routes;
use crate::domain::Reason;
use crate::domain::event::{Audience, Event, SessionEnded};
use crate::domain::id::DeviceId;
use crate::domain::message::{NoticeContent, NoticeLevel};
use crate::node::issuer::Issuers;
use crate::node::tests::signer::Signer;
use crate::node::tests::support::{session, user};
use crate::node::tests::world::World;
use crate::transport::desk::Desk;
use crate::transport::origin::AllowedOrigins;
use crate::transport::patience::Patient;
use crate::transport::sockets::{SocketSettings, SocketState};
use crate::transport::tokens::Tokens;
use crate::transport::underlay::Underlay;

const LIMIT: usize = 16_384;

struct Server {
    world: World,
    signer: Signer,
    desk: Arc<FakeDesk>,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let signer = Signer::new();
        let world = World::trusting(&signer).await;
        let desk = Arc::new(FakeDesk::default());
        let writers = Arc::clone(&desk) as Arc<dyn Desk>;
        let clock = Arc::clone(&world.clock) as Arc<_>;
        let node = world.node.clone();
        let state = SocketState {
            tokens: Tokens::new(
                node.clone(),
                Issuers::default(),
                Arc::clone(&writers),
                clock,
            ),
            node,
            desk: writers,
            settings: Arc::new(SocketSettings {
                allowed_origins: AllowedOrigins::default(),
                trusted_proxies: Vec::new(),
                max_frame_bytes: LIMIT,
                write_timeout: Duration::from_millis(200),
            }),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_http(listener, routes(state)));
        Self {
            world,
            signer,
            desk,
            address,
        }
    }

    fn token(&self) -> String {
        self.signer.sign(&self.world.claims(1))
    }

    async fn connect(&self, query: &str, headers: &[(&'static str, &str)]) -> Client {
        let address = format!("ws://{}/v1/socket{query}", self.address);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, response) = connect_async(request).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol");
        Client {
            protocol: protocol.map(|it| it.to_str().unwrap().to_owned()),
            socket,
        }
    }

    async fn with_token(&self, token: &str) -> Client {
        let bearer = format!("Bearer {token}");
        self.connect("", &[("authorization", &bearer)]).await
    }

    async fn welcomed(&self) -> Client {
        let mut client = self.with_token(&self.token()).await;
        assert_eq!(client.hears().await, "welcome");
        client
    }
}

/// As the program does: the stream beneath is taken back from no other stack.
async fn serve_http(listener: TcpListener, router: Router) {
    while let Ok((stream, peer)) = listener.accept().await {
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let stream = Patient::new(stream, Duration::from_secs(10), Underlay::new(()));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

struct Client {
    protocol: Option<String>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    async fn says(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// A message's type, or a close.
    async fn hears(&mut self) -> String {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                    return value["type"].as_str().unwrap().to_owned();
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return format!("{} {}", u16::from(frame.code), frame.reason);
                }
                Some(Ok(_)) => {}
                gone => return format!("gone {gone:?}"),
            }
        }
    }

    /// Sends bytes past the WebSocket.
    async fn sends_raw(&mut self, bytes: &[u8]) {
        let MaybeTlsStream::Plain(stream) = self.socket.get_mut() else {
            panic!("no TLS here")
        };
        stream.write_all(bytes).await.unwrap();
    }
}

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

fn ended() -> Event {
    Event::SessionEnded(SessionEnded {
        session_id: session(1),
        user_id: user(1),
        device_id: DeviceId(uuid::Uuid::nil()),
        reason: Reason::RevokedByAdmin,
        replaced_by: None,
    })
}

#[tokio::test]
async fn each_credential_opens_and_the_subprotocol_is_optional() {
    let server = Server::start().await;
    let token = server.token();
    let mut header = server.with_token(&token).await;
    assert_eq!(header.hears().await, "welcome");
    assert_eq!(header.protocol, None);
    let offered = &[("sec-websocket-protocol", "other, sessionwire.v1")];
    let mut first_message = server.connect("", offered).await;
    assert_eq!(first_message.protocol.as_deref(), Some("sessionwire.v1"));
    let auth = format!(r#"{{"type":"auth","token":"{token}"}}"#);
    first_message.says(text(&auth)).await;
    assert_eq!(first_message.hears().await, "welcome");
    first_message.says(text(&auth)).await;
    assert_eq!(first_message.hears().await, "4505 protocol_error");
    *server.desk.ticket.lock() = Some(server.world.claims(1));
    let mut ticket = server.connect("?ticket=t1", &[]).await;
    assert_eq!(ticket.hears().await, "welcome");
    let mut spent = server.connect("?ticket=t1", &[]).await;
    assert_eq!(spent.hears().await, "4500 token_invalid");
}

#[tokio::test]
async fn bad_credentials_are_closed_with_a_code_and_a_reason() {
    let server = Server::start().await;
    let mut old = server.world.claims(1);
    old.exp = old.iat;
    let expired = server.signer.sign(&old);
    let mut foreign = server.world.claims(1);
    foreign.aud = "somebody else".into();
    for (token, close) in [
        ("nonsense", "4500 token_invalid"),
        (
            Signer::new().sign(&server.world.claims(1)).as_str(),
            "4500 token_invalid",
        ),
        (server.signer.sign(&foreign).as_str(), "4500 token_invalid"),
        (expired.as_str(), "4001 token_expired"),
    ] {
        assert_eq!(server.with_token(token).await.hears().await, close);
        let mut later = server.connect("", &[]).await;
        let auth = format!(r#"{{"type":"auth","token":"{token}"}}"#);
        later.says(text(&auth)).await;
        assert_eq!(later.hears().await, close);
    }
    *server.desk.ticket.lock() = Some(old);
    let mut late = server.connect("?ticket=t1", &[]).await;
    assert_eq!(late.hears().await, "4001 token_expired");
    let query = format!("?token={}", server.token());
    let mut in_address = server.connect(&query, &[]).await;
    in_address.says(text(r#"{"type":"ping"}"#)).await;
    assert_eq!(in_address.hears().await, "4505 protocol_error");
    let basic = &[("authorization", "Basic YTpi")];
    let mut another_scheme = server.connect("", basic).await;
    assert_eq!(another_scheme.hears().await, "4500 token_invalid");
}

#[tokio::test]
async fn another_origin_is_refused_whatever_the_credential() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token());
    let own = format!("http://{}", server.address);
    for (origin, heard) in [
        ("https://evil.example", "4506 origin_not_allowed"),
        (own.as_str(), "welcome"),
    ] {
        let headers = &[("origin", origin), ("authorization", bearer.as_str())];
        assert_eq!(server.connect("", headers).await.hears().await, heard);
    }
}

#[tokio::test]
async fn frames_that_are_none_of_ours_are_closed() {
    let server = Server::start().await;
    // Frames with a mask of zeros: a text that is no UTF-8, and an opcode that does not exist.
    let no_text: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, 0xff];
    let no_opcode: &[u8] = &[0x83, 0x80, 0, 0, 0, 0];
    let long = "x".repeat(LIMIT + 1);
    for authenticated in [true, false] {
        for (message, raw, close) in [
            (
                Some(Message::Binary(vec![1].into())),
                None,
                "4505 protocol_error",
            ),
            (Some(text(&long)), None, "4507 frame_too_large"),
            (Some(text("hello")), None, "4505 protocol_error"),
            (None, Some(no_text), "1007 invalid_utf8"),
            (None, Some(no_opcode), "1002 protocol_error"),
        ] {
            let mut client = if authenticated {
                server.welcomed().await
            } else {
                server.connect("", &[]).await
            };
            if let Some(message) = message {
                client.says(message).await;
            }
            if let Some(raw) = raw {
                client.sends_raw(raw).await;
            }
            assert_eq!(client.hears().await, close);
        }
    }
}

#[tokio::test]
async fn a_session_that_ends_is_told_and_closed_and_counted() {
    let server = Server::start().await;
    let mut client = server.welcomed().await;
    let token = server.token();
    let seq = server.world.commit([ended()]);
    let settled = server.world.settle(seq).await;
    assert_eq!(
        (settled.connections.told, settled.connections.closed),
        (1, 1)
    );
    assert_eq!(client.hears().await, "session.revoked");
    assert_eq!(client.hears().await, "4501 revoked_by_admin");
    let mut again = server.with_token(&token).await;
    assert_eq!(again.hears().await, "session.revoked");
    assert_eq!(again.hears().await, "4501 revoked_by_admin");
}

#[tokio::test]
async fn what_a_client_asks_of_the_service_is_answered() {
    let server = Server::start().await;
    let mut claims = server.world.claims(1);
    claims.generation = 2;
    let mut client = server.with_token(&server.signer.sign(&claims)).await;
    assert_eq!(client.hears().await, "welcome");
    client.says(text(r#"{"type":"activity"}"#)).await;
    let answer = format!(
        r#"{{"type":"takeover.answer","request_id":"{}","allow":true}}"#,
        uuid::Uuid::nil()
    );
    client.says(text(&answer)).await;
    assert_eq!(client.hears().await, "error");
    client.says(text(r#"{"type":"ping"}"#)).await;
    assert_eq!(client.hears().await, "pong");
    assert_eq!(
        *server.desk.asked.lock(),
        ["presented", "activity", "answer"]
    );
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let server = Server::start().await;
    let client = server.welcomed().await;
    let body = "x".repeat(1_000_000);
    // More than the kernel takes for a peer that reads nothing; the write waits, and is given up.
    while server
        .world
        .node
        .connections_of_session(session(1), user(1))
        > 0
    {
        let notice = NoticeContent {
            level: NoticeLevel::Info,
            title: "title".into(),
            body: body.clone(),
            data: None,
        };
        let to = Audience::User(user(1));
        let seq = server.world.commit([Event::NoticeSent { to, notice }]);
        server.world.settle(seq).await;
    }
    drop(client);
}

#[tokio::test]
async fn a_client_that_goes_is_forgotten() {
    let server = Server::start().await;
    let mut client = server.welcomed().await;
    client.socket.close(None).await.unwrap();
    while server
        .world
        .node
        .connections_of_session(session(1), user(1))
        > 0
    {
        tokio::task::yield_now().await;
    }
    // And one that goes without a word.
    drop(server.welcomed().await);
    while server
        .world
        .node
        .connections_of_session(session(1), user(1))
        > 0
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_a_problem() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /v1/socket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
