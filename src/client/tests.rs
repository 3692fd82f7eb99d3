//! A server that says what it is told to, and what a client makes of it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Client, Error};
use crate::model::wire::ExpireRequest;

/// What the server does with a connection.
#[derive(Clone)]
enum Act {
    /// Answers.
    Say(String),
    /// Reads the request and closes.
    Cut,
    /// Reads the request and never answers.
    Hang,
}

fn say(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    ))
}

fn problem(status: &str, headers: &str, code: &str) -> Act {
    let number = &status[..3];
    let body = format!(
        "{{\"type\":\"urn:breakglass:problem:{code}\",\"title\":\"x\",\"status\":{number},\
         \"detail\":\"because\",\"code\":\"{code}\",\"class\":\"refused\"}}"
    );
    let headers = format!("content-type: application/problem+json\r\n{headers}");
    say(status, &headers, &body)
}

/// Serves one connection after the other; the requests come out as they were sent.
async fn server(acts: Vec<Act>) -> (Client, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut hung = Vec::new();
        for act in acts {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            sender.send(String::from_utf8(request).unwrap()).unwrap();
            match act {
                Act::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                Act::Cut => {}
                Act::Hang => hung.push(stream),
            }
        }
        // Whoever comes now is refused.
        drop(listener);
        std::future::pending::<()>().await;
    });
    let client = Client::builder(&format!("http://{address}"))
        .bearer_token("canary")
        .timeout(Duration::from_millis(300))
        .build();
    (client.unwrap(), requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

fn all(mut requests: mpsc::UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| requests.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_retry_is_the_same_request_again() {
    let unready = say("503 Service Unavailable", "", "the proxy says no");
    let done = say("204 No Content", "", "");
    let (client, requests) = server(vec![Act::Cut, unready, done]).await;
    client.expire_api_key("alice", "k/1").await.unwrap();
    let requests = all(requests);
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]));
    let first = requests[0].to_ascii_lowercase();
    assert!(first.starts_with("put /api/v2/users/alice/keys/k%2f1/expire "));
    assert!(first.contains("\r\nauthorization: bearer canary\r\n"));
    assert!(first.contains("\r\nidempotency-key: "));
}

#[tokio::test]
async fn what_was_lost_is_told_with_its_operation() {
    let (client, requests) = server(vec![Act::Cut]).await;
    let id = Uuid::now_v7();
    let error = client.expire(id, "k", &ExpireRequest::default()).await;
    let error = error.unwrap_err();
    // The retries found nobody, and yet the first one may have arrived.
    assert!(matches!(&error, Error::Lost { operation, .. } if *operation == Some(id)));
    assert!(error.to_string().contains(&id.to_string()));
    assert_eq!(all(requests).len(), 1);
}

#[tokio::test]
async fn what_nobody_took_was_not_sent() {
    let (client, _requests) = server(Vec::new()).await;
    let error = client.health().await.unwrap_err();
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_the_answer_and_asked_for_once() {
    for (act, code) in [
        (problem("409 Conflict", "", "locked"), "locked"),
        (problem("502 Bad Gateway", "", "unfit"), "unfit"),
        (
            problem(
                "503 Service Unavailable",
                "retry-after: 60\r\n",
                "overloaded",
            ),
            "overloaded",
        ),
    ] {
        let (client, requests) = server(vec![act]).await;
        let error = client.health().await.unwrap_err();
        assert_eq!(error.problem().map(|it| it.code.as_str()), Some(code));
        assert_eq!(all(requests).len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_says_when_is_asked_again_then() {
    let busy = problem(
        "503 Service Unavailable",
        "retry-after: 1\r\n",
        "overloaded",
    );
    let well = say("200 OK", "", "{\"status\":\"ok\"}");
    let (client, requests) = server(vec![busy, well]).await;
    let begun = Instant::now();
    client.health().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(all(requests).len(), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_again() {
    let (client, requests) = server(vec![Act::Hang]).await;
    let id = Uuid::now_v7();
    let error = client.apply(id, "d").await.unwrap_err();
    assert!(matches!(&error, Error::Timeout { operation, .. } if *operation == Some(id)));
    assert_eq!(all(requests).len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_answer() {
    let away = say("302 Found", "location: http://127.0.0.1:1/\r\n", "");
    let (client, requests) = server(vec![away]).await;
    let error = client.health().await.unwrap_err();
    assert!(matches!(&error, Error::Answer { .. }), "{error:?}");
    assert_eq!(all(requests).len(), 1);
}

#[tokio::test]
async fn coders_own_errors_are_problems_too() {
    let body = "{\"message\":\"Resource not found\",\"detail\":\"\"}";
    let headers = "content-type: application/json\r\n";
    let (client, _requests) = server(vec![say("404 Not Found", headers, body)]).await;
    let error = client.coder_key("me", "k").await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(
        (
            problem.status,
            problem.code.as_str(),
            problem.detail.as_str()
        ),
        (404, "no_such_token", "Resource not found")
    );
}
