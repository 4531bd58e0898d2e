//! A server that says what a test wants: the files of the page come from the example, its events from the test.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::weblog::Server;

/// The longest wait for a page to connect.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server. The event streams end with it.
pub(crate) struct Scripted {
    pub(crate) url: String,
    state: Arc<State>,
    _files: Server,
}

#[derive(Default)]
struct State {
    told: Mutex<Told>,
    connected: Condvar,
}

#[derive(Default)]
struct Told {
    hello: String,
    /// The event streams that are open.
    pages: Vec<TcpStream>,
    /// How many there have been.
    connections: usize,
}

impl Scripted {
    /// Every page that connects is told `hello` first.
    pub(crate) fn start(hello: &Value) -> Self {
        let files = Server::site();
        let origin = files.address().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let serving = state.clone();
        // It serves until the process of the tests ends.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (origin, state) = (origin.clone(), serving.clone());
                // A page that goes away in the middle is no failure.
                thread::spawn(move || answer(stream, &origin, &state).ok());
            }
        });
        let server = Self { url, state, _files: files };
        server.greet(hello);
        server
    }

    /// What pages are told first, from now on.
    pub(crate) fn greet(&self, hello: &Value) {
        self.state.told().hello = event("hello", hello);
    }

    /// Tells an event to all pages.
    pub(crate) fn send(&self, name: &str, data: &Value) {
        let text = event(name, data);
        self.state.told().pages.retain_mut(|page| page.write_all(text.as_bytes()).is_ok());
    }

    /// Ends all event streams, as a server does that goes.
    pub(crate) fn hang_up(&self) {
        for page in self.state.told().pages.drain(..) {
            // It may have gone by itself.
            let _ = page.shutdown(Shutdown::Both);
        }
    }

    /// Waits until so many event streams have been opened.
    #[track_caller]
    pub(crate) fn wait_for_connections(&self, count: usize) {
        let told = self.state.told();
        let waited = self.state.connected.wait_timeout_while(told, PATIENCE, |told| told.connections < count);
        let (told, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(told.connections >= count, "{} connections", told.connections);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl State {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn answer(mut stream: TcpStream, origin: &str, state: &State) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or("/");
    if path == "/events" {
        // A page comes back at once.
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 50\n\n")?;
        let mut told = state.told();
        stream.write_all(told.hello.as_bytes())?;
        told.pages.push(stream);
        told.connections += 1;
        state.connected.notify_all();
        return Ok(());
    }
    let mut server = TcpStream::connect(origin)?;
    write!(server, "GET {path} HTTP/1.1\r\nhost: {origin}\r\nconnection: close\r\n\r\n")?;
    io::copy(&mut server, &mut stream)?;
    stream.shutdown(Shutdown::Both)
}
