//! A web server on loopback that stores what it was asked: the far end of hooks that use curl.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `POST /bans?x=y`.
    pub what: String,
    /// Header lines, as they came.
    pub headers: Vec<String>,
    pub body: String,
}

impl Request {
    pub fn has_header(&self, line: &str) -> bool {
        self.headers.iter().any(|header| header == line)
    }
}

/// What is answered: status and body.
pub type Answer = (u16, String);

pub struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts one that ends with the test.
    pub fn start(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is up");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let store = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let request = read(&stream);
                let (status, body) = answer(&request);
                store.lock().expect("not poisoned").push(request);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self {
            url: format!("http://{address}"),
            seen,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What came since it was asked last.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().expect("not poisoned"))
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("UTF-8");
        line.trim_end().to_owned()
    };
    let first = line();
    let mut headers = Vec::new();
    loop {
        let header = line();
        if header.is_empty() {
            break;
        }
        headers.push(header);
    }
    let length = headers
        .iter()
        .find_map(|header| {
            header
                .to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the whole body");
    Request {
        what: first.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).expect("UTF-8"),
    }
}
