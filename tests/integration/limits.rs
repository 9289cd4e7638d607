//! Failed sign-ins are limited; right ones never are.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{PASSWORD, Program, Server};

#[tokio::test]
async fn a_stranger_cannot_lock_out_a_person_on_a_known_device() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    server.sign_in("anna", "laptop").await;
    for n in 0..10 {
        let wrong = server
            .try_sign_in("anna", "wrong password", &format!("stranger {n}"))
            .await;
        assert_eq!(wrong.code(), "invalid_credentials");
    }
    let limited = server
        .try_sign_in("anna", "wrong password", "stranger")
        .await;
    assert_eq!((limited.status, limited.code()), (429, "rate_limited"));
    assert!(limited.headers.contains_key("retry-after"));
    // Not even the right password on a device that nobody knows …
    assert_eq!(
        server
            .try_sign_in("anna", PASSWORD, "stranger")
            .await
            .status,
        429
    );
    // … but on a known one.
    assert_eq!(
        server.try_sign_in("anna", PASSWORD, "laptop").await.status,
        200
    );
    server.advance(std::time::Duration::from_secs(6)).await;
    assert_eq!(
        server
            .try_sign_in("anna", PASSWORD, "new phone")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_unknown_name_is_answered_and_limited_like_a_known_one() {
    let server = Server::start().await;
    server.user("anna", &[]).await;
    for name in ["anna", "nobody"] {
        let mut bodies = Vec::new();
        for n in 0..11 {
            let answer = server
                .try_sign_in(name, "wrong password", &format!("{name} {n}"))
                .await;
            bodies.push((
                answer.status,
                answer.code().to_owned(),
                answer.body["detail"].clone(),
            ));
        }
        assert_eq!(bodies[9].1, "invalid_credentials");
        assert_eq!(bodies[10].1, "rate_limited");
    }
}

#[tokio::test]
async fn an_address_is_limited_over_all_names() {
    let server = Server::start_with(&[("SIGN_IN_FAILURES_BURST_ADDRESS", "5")]).await;
    for n in 0..5 {
        let answer = server
            .try_sign_in(&format!("name {n}"), "wrong password", "laptop")
            .await;
        assert_eq!(answer.code(), "invalid_credentials");
    }
    assert_eq!(
        server
            .try_sign_in("another", "wrong password", "laptop")
            .await
            .status,
        429
    );
}

async fn connected(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Whether the server has closed the connection, once it has sent everything.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // Closed with what we sent unread, a connection is reset.
    let ended = tokio::io::AsyncReadExt::read_to_end(stream, &mut rest).await;
    ended.is_err() || !rest.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn the_head_of_a_request_may_take_so_long_only() {
    let server = Server::start_with(&[("HEAD_TIMEOUT_S", "1")]).await;
    let mut silent = connected(&server).await;
    let mut half = connected(&server).await;
    let head = b"GET /healthz HTTP/1.1\r\nHost: ";
    tokio::io::AsyncWriteExt::write_all(&mut half, head)
        .await
        .unwrap();
    assert!(is_closed(&mut silent).await);
    assert!(is_closed(&mut half).await);
}

#[tokio::test]
async fn connections_that_are_no_sockets_have_a_bound_of_their_own() {
    let bounds = [
        ("MAX_HTTP_CONNECTIONS_PER_ADDRESS", "2"),
        ("HEAD_TIMEOUT_S", "300"),
    ];
    let server = Server::start_with(&bounds).await;
    let who = server.sign_in("root", "laptop").await;
    // A socket has left its place to others.
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = server.socket(&who.access_token).await;
        socket.expect("welcome").await;
        sockets.push(socket);
    }
    // So has a reader of a stream that has a bound of its own.
    let mut readers = Vec::new();
    for path in ["/v1/feed", "/v1/events/stream"].repeat(3) {
        let mut reader = connected(&server).await;
        let key = &server.key;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        reader.write_all(request.as_bytes()).await.unwrap();
        let mut begun = [0; 15];
        reader.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200 OK");
        readers.push(reader);
    }
    // The client of these tests keeps one connection.
    let _second = connected(&server).await;
    assert!(is_closed(&mut connected(&server).await).await);
    let me = server.get("/v1/me", &who.access_token).await;
    assert_eq!(me.status, 200);
}

#[tokio::test]
async fn answers_that_nobody_reads_are_given_up() {
    let server = Server::start_with(&[("WRITE_TIMEOUT_S", "1")]).await;
    let mut deaf = connected(&server).await;
    let asking = async {
        let request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
        while tokio::io::AsyncWriteExt::write_all(&mut deaf, request)
            .await
            .is_ok()
        {}
    };
    let cut = tokio::time::timeout(std::time::Duration::from_secs(30), asking).await;
    assert!(cut.is_ok(), "still connected");
    assert_eq!(server.get("/v1/users", &server.key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_grants_few_open_files_does_not_bound_the_connections() {
    const FILES: u32 = 60;
    let folder = tempfile::tempdir().unwrap();
    let program = tokio::task::block_in_place(|| Program::serve_with_files(folder.path(), FILES));
    let address = program.url.strip_prefix("http://").unwrap();
    let mut kept = Vec::new();
    for _ in 0..2 * FILES {
        kept.push(TcpStream::connect(address).await.unwrap());
    }
    // The last first: a server out of files has yet to take it, and waits for one of the others to end.
    for stream in kept.iter_mut().rev() {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut start = [0; 15];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
    }
}
