//! A headless Chromium, driven through its DevTools protocol.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::folder::Folder;
use super::process::Process;

/// The longest wait for a condition in a page.
const PATIENCE: Duration = Duration::from_secs(30);

/// Wide enough for two columns, high enough for all cards: what is out of view is not drawn.
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 1700;

const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// One browser at a time: together they would be slower, and wait for each other.
static TURN: Mutex<()> = Mutex::new(());

/// A running Chromium with a profile of its own. The order of its fields is the order in which it ends.
pub(crate) struct Chromium {
    control: Connection,
    endpoint: String,
    _process: Process,
    profile: Folder,
    _turn: MutexGuard<'static, ()>,
}

impl Chromium {
    /// Starts the Chromium of this machine, if it has one.
    pub(crate) fn launch() -> Option<Self> {
        let program = find()?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = Folder::new();
        let mut command = Command::new(program);
        command.args(FLAGS).arg("about:blank");
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        // What it leaves elsewhere when it is killed goes with the profile, too.
        command.env("TMPDIR", profile.path());
        let process = Process::spawn(&mut command);
        let url = process.line("DevTools listening on ");
        let (endpoint, _) = url.split_once("/browser/").expect("a DevTools address");
        Some(Self {
            control: Connection::open(&url),
            endpoint: endpoint.to_owned(),
            _process: process,
            profile,
            _turn: turn,
        })
    }

    /// A new page that shows `url`, in the light scheme.
    pub(crate) fn open(&mut self, url: &str) -> Page {
        let blank = json!({ "url": "about:blank" });
        let target = self.control.call("Target.createTarget", &blank);
        let id = target["targetId"].as_str().expect("the id of a target");
        let mut page = Page(Connection::open(&format!("{}/page/{id}", self.endpoint)));
        for domain in ["Page", "Runtime", "Log"] {
            page.0.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call_on_load(
            "document.addEventListener('securitypolicyviolation', (violation) =>
               console.error(`violation of ${violation.effectiveDirective}`))",
        );
        page.scheme("light");
        page.size(WIDTH, HEIGHT);
        page.go(url);
        page
    }

    /// From now on, what a page saves is kept for `saved`.
    pub(crate) fn keep_downloads(&mut self) {
        let folder = self.profile.path().join("saved");
        let behavior = json!({ "behavior": "allow", "downloadPath": folder, "eventsEnabled": true });
        self.control.call("Browser.setDownloadBehavior", &behavior);
    }

    /// Waits for the next file that a page saves: its name and its text.
    pub(crate) fn saved(&mut self) -> (String, String) {
        let is = |method: &'static str| move |event: &Value| event["method"] == method;
        let begun = self.control.wait(is("Browser.downloadWillBegin"));
        let name = begun["params"]["suggestedFilename"].as_str().expect("a name").to_owned();
        let progress = is("Browser.downloadProgress");
        self.control.wait(|event| progress(event) && event["params"]["state"] == "completed");
        let text = fs::read_to_string(self.profile.path().join("saved").join(&name));
        (name, text.expect("the file that was saved"))
    }
}

fn find() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let programs = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| program.is_file())
}

/// A page of the browser. Expressions are JavaScript; a failure in one panics.
pub(crate) struct Page(Connection);

impl Page {
    /// Shows `url`, and waits until it is loaded.
    pub(crate) fn go(&mut self, url: &str) {
        let before = self.0.events.len();
        let gone = self.0.call("Page.navigate", &json!({ "url": url }));
        assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.0.events[before..].iter().any(loaded) {
            self.0.receive();
        }
    }

    /// Shows the same address anew, and waits until it is loaded.
    pub(crate) fn reload(&mut self) {
        let before = self.0.events.len();
        self.0.call("Page.reload", &json!({}));
        while !self.0.events[before..].iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.0.receive();
        }
    }

    /// Waits until what has changed is drawn.
    pub(crate) fn drawn(&mut self) {
        // With many charts in view it takes some frames.
        self.evaluate("(async () => { for (let i = 0; i < 5; i += 1) await new Promise(requestAnimationFrame); })()");
    }

    /// The answer to a command of the protocol.
    #[track_caller]
    pub(crate) fn command(&mut self, method: &str, params: &Value) -> Value {
        self.0.call(method, params)
    }

    /// Presses a key, as `KeyboardEvent.key` names it, with or without Shift.
    pub(crate) fn press(&mut self, key: &str, shift: bool) {
        let text = match key {
            "Enter" => "\r",
            key if key.len() == 1 => key,
            _ => "",
        };
        // Only with a code does the browser itself act on the key: move the focus, press a button.
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        let event = |kind| {
            json!({ "type": kind, "key": key, "text": if kind == "keyDown" { text } else { "" },
                    "windowsVirtualKeyCode": code, "modifiers": if shift { 8 } else { 0 } })
        };
        for kind in ["keyDown", "keyUp"] {
            self.0.call("Input.dispatchKeyEvent", &event(kind));
        }
    }

    /// Drags the mouse across the only element that matches, between two shares of its width.
    pub(crate) fn drag(&mut self, selector: &str, from: f64, to: f64) {
        let (start, y) = self.place(selector, from);
        let (end, _) = self.place(selector, to);
        self.mouse("mouseMoved", start, y, 0);
        self.mouse("mousePressed", start, y, 1);
        self.mouse("mouseMoved", f64::midpoint(start, end), y, 1);
        self.mouse("mouseMoved", end, y, 1);
        self.mouse("mouseReleased", end, y, 1);
    }

    /// Moves the mouse over the only element that matches, at a share of its width.
    pub(crate) fn point_at(&mut self, selector: &str, share: f64) {
        let (x, y) = self.place(selector, share);
        self.mouse("mouseMoved", x, y, 0);
    }

    pub(crate) fn double_click(&mut self, selector: &str) {
        let (x, y) = self.place(selector, 0.5);
        for clicks in [1, 2] {
            self.mouse("mousePressed", x, y, clicks);
            self.mouse("mouseReleased", x, y, clicks);
        }
    }

    /// A place in the page: a share of the width of an element, at half its height.
    fn place(&mut self, selector: &str, share: f64) -> (f64, f64) {
        let selector = json!(selector);
        let place = self.evaluate(&format!(
            "(() => {{
               const element = document.querySelector({selector});
               element.scrollIntoView({{ block: 'nearest' }});
               const {{ x, y, width, height }} = element.getBoundingClientRect();
               return [x + width * {share}, y + height / 2];
             }})()"
        ));
        (place[0].as_f64().expect("a place"), place[1].as_f64().expect("a place"))
    }

    fn mouse(&mut self, kind: &str, x: f64, y: f64, clicks: u32) {
        let button = if clicks > 0 { "left" } else { "none" };
        let event = json!({ "type": kind, "x": x, "y": y, "button": button,
                            "buttons": u32::from(clicks > 0), "clickCount": clicks });
        self.0.call("Input.dispatchMouseEvent", &event);
    }

    fn call_on_load(&mut self, script: &str) {
        let source = json!({ "source": script });
        self.0.call("Page.addScriptToEvaluateOnNewDocument", &source);
    }

    /// The value of an expression, or what it promises.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let what = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.0.call("Runtime.evaluate", &what);
        if let Some(details) = answer.get("exceptionDetails") {
            panic!("{}", thrown(details));
        }
        answer["result"]["value"].take()
    }

    /// Waits until an expression, tried once a frame, is true; gives its value.
    #[track_caller]
    pub(crate) fn wait(&mut self, condition: &str) -> Value {
        let patience = PATIENCE.as_millis();
        let text = json!(format!("never came true: {condition}"));
        self.evaluate(&format!(
            "(async () => {{
               const end = performance.now() + {patience};
               for (;;) {{
                 const value = ({condition});
                 if (value) return value;
                 if (performance.now() > end) throw new Error({text});
                 await new Promise(requestAnimationFrame);
               }}
             }})()"
        ))
    }

    /// `read`, a function of an element, of all elements that match.
    #[track_caller]
    pub(crate) fn all(&mut self, selector: &str, read: &str) -> Vec<Value> {
        let selector = json!(selector);
        let all = format!("Array.from(document.querySelectorAll({selector}), {read})");
        let Value::Array(values) = self.evaluate(&all) else {
            panic!("an array is an array");
        };
        values
    }

    /// The texts of all elements that match.
    #[track_caller]
    pub(crate) fn texts(&mut self, selector: &str) -> Vec<String> {
        let texts = self.all(selector, "(element) => element.textContent");
        texts.iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Makes the system prefer a colour scheme: light or dark.
    pub(crate) fn scheme(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let media = json!({ "features": features });
        self.0.call("Emulation.setEmulatedMedia", &media);
    }

    /// Gives the window a size.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.0.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// A picture of the page, from its top to its end.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let width = self.evaluate("innerWidth").as_u64().expect("a width") as u32;
        // A page is never shorter than its window.
        self.size(width, 1);
        let height = self.evaluate("document.documentElement.scrollHeight");
        self.size(width, height.as_u64().expect("a height") as u32);
        self.drawn();
        let png = json!({ "format": "png" });
        let picture = self.0.call("Page.captureScreenshot", &png);
        self.size(width, HEIGHT);
        base64(picture["data"].as_str().expect("a picture"))
    }

    /// What went wrong in the page so far: errors of the console, exceptions, violations of the content policy.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        // Events come in order: an answer comes after what was before it.
        self.evaluate("0");
        self.0.events.iter().filter_map(problem).collect()
    }
}

fn problem(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(thrown(&params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            Some(format!("{} ({})", entry["text"], entry["url"]))
        }
        _ => None,
    }
}

fn thrown(details: &Value) -> String {
    let description = details["exception"]["description"].as_str();
    description.map_or_else(|| details.to_string(), str::to_owned)
}

/// A session of the protocol: commands with their answers, and events.
struct Connection {
    socket: WebSocket<TcpStream>,
    commands: u64,
    events: Vec<Value>,
}

impl Connection {
    fn open(url: &str) -> Self {
        let address = url.trim_start_matches("ws://").split('/').next();
        let stream = TcpStream::connect(address.unwrap_or_default()).expect("a connection");
        // Longer than any wait in a page, so that a page can say what it waited for.
        let timeout = stream.set_read_timeout(Some(PATIENCE * 2));
        timeout.expect("a timeout can be set");
        let (socket, _) = tungstenite::client(url, stream).expect("a websocket");
        Self { socket, commands: 0, events: Vec::new() }
    }

    #[track_caller]
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.commands += 1;
        let command = json!({ "id": self.commands, "method": method, "params": params });
        let sent = self.socket.send(Message::text(command.to_string()));
        sent.unwrap_or_else(|e| panic!("{method}: {e}"));
        loop {
            let mut message = self.receive();
            if message["id"] == self.commands {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// Waits for an event, and takes it: what came before it is forgotten.
    #[track_caller]
    fn wait(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(&is) {
                return self.events.drain(..=at).next_back().expect("the event that was found");
            }
            self.receive();
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        loop {
            let message = self.socket.read().expect("a message of the browser");
            let Message::Text(text) = message else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message.get("method").is_some() {
                self.events.push(message.clone());
            }
            return message;
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = text.trim_end_matches('=').as_bytes();
    let bytes = text.chunks(4).flat_map(|chunk| {
        let bits = chunk.iter().fold(0, |bits, &byte| bits << 6 | u32::from(digit(byte)));
        let bits = bits << (6 * (4 - chunk.len()) + 8);
        bits.to_be_bytes().into_iter().take(chunk.len() - 1)
    });
    bytes.collect()
}
