//! What people see: the directory page of `http-server` and the chat of `websocket-chat`, in Chromium, which is told
//! by its DevTools protocol where to go, where to click and what to type. Where there is none these tests fail;
//! `--skip browser::` goes without them.

use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_tungstenite::{WebSocketStream, client_async};
use futures_util::StreamExt;
use polliwog::net::TcpStream;
use polliwog::time::{sleep, timeout};
use serde_json::{Value, json};

use super::support::Running;
use super::{Folder, PATIENCE, Server, package};

/// What it is called, on Debian and elsewhere.
const NAMES: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// A browser with one page.
struct Browser {
    program: Running,
    /// Its profile.
    folder: Folder,
    socket: WebSocketStream<TcpStream>,
    session: String,
    calls: u64,
    /// What the page has complained of.
    complaints: Vec<Value>,
}

impl Browser {
    async fn open(url: &str) -> Self {
        let folder = Folder::new(&[]);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|program| program.is_file())
            .expect("a Chromium; `-- --skip browser::` goes without");
        let mut profile = std::ffi::OsString::from("--user-data-dir=");
        profile.push(&folder.0);
        let mut command = Command::new(program);
        command.arg(profile).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A container has little of that memory.
            "--disable-dev-shm-usage",
            // The certificate of these tests is known to nobody.
            "--ignore-certificate-errors",
            "--remote-debugging-port=0",
        ]);
        let mut program = Running::start(&mut command);
        program.wait_for_record("DevTools listening on ");
        // The port, and a path; a moment after it has said so.
        let place = folder.0.join("DevToolsActivePort");
        let told = loop {
            let told = std::fs::read_to_string(&place).unwrap_or_default();
            if told.contains("\n/") {
                break told;
            }
            sleep(Duration::from_millis(5)).await;
        };
        let (port, path) = told.split_once('\n').expect("two lines");
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await;
        let url_of_socket = format!("ws://127.0.0.1:{port}{path}");
        let (socket, _) = client_async(url_of_socket, stream.unwrap()).await.unwrap();
        let mut browser = Browser {
            program,
            folder,
            socket,
            session: String::new(),
            calls: 0,
            complaints: Vec::new(),
        };
        let page = json!({ "url": "about:blank" });
        let page = browser.call("Target.createTarget", page).await;
        let attached = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attached).await;
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Log.enable", "Runtime.enable", "Page.enable"] {
            browser.call(domain, json!({})).await;
        }
        let gone = browser.call("Page.navigate", json!({ "url": url })).await;
        assert_eq!(gone.get("errorText"), None, "{url}");
        browser
    }

    /// Calls a method of the protocol, and gives its result.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if !self.session.is_empty() {
            call["sessionId"] = json!(self.session);
        }
        self.socket.send(call.to_string().into()).await.unwrap();
        loop {
            let message = self.socket.next().await.expect("an answer").unwrap();
            let mut answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            if answer["id"] == self.calls {
                return match answer["error"].take() {
                    Value::Null => Ok(answer["result"].take()),
                    error => Err(error),
                };
            }
            let is_complaint = answer["method"] == "Runtime.exceptionThrown"
                || answer["params"]["entry"]["level"] == "error";
            if is_complaint {
                self.complaints.push(answer["params"].take());
            }
        }
    }

    /// The value of an expression in the page, or of what it promises.
    async fn value(&mut self, expression: &str) -> Value {
        let mut answer = self.call("Runtime.evaluate", question(expression)).await;
        let fault = &answer["exceptionDetails"];
        assert!(fault.is_null(), "{expression}: {fault}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    async fn until(&mut self, expression: &str) {
        let wait = async {
            // Between two pages it has no value.
            while !matches!(self.ask("Runtime.evaluate", question(expression)).await,
                Ok(answer) if answer["result"]["value"] == true)
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            let shown = self.value("document.body.innerText").await;
            panic!("not true: {expression}\n{shown:#}");
        }
    }

    /// Clicks on what a selector finds, as a mouse does.
    async fn click(&mut self, selector: &str) {
        let place = format!(
            "(() => {{ const found = document.querySelector({selector:?}); found.scrollIntoView();
            const at = found.getClientRects()[0]; return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
        );
        let place = self.value(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Types a text where the cursor is.
    async fn enter(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    async fn press_enter(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Closes it; nothing may have been wrong with the page.
    async fn close(mut self) {
        assert_eq!(self.complaints, Vec::<Value>::new());
        self.session.clear();
        self.call("Browser.close", json!({})).await;
        self.program.finish().success();
        drop(self.folder);
    }
}

fn question(expression: &str) -> Value {
    json!({ "expression": expression, "awaitPromise": true, "returnByValue": true })
}

/// Runs a test, which fails instead of hanging.
fn run(test: impl Future<Output = ()>) {
    polliwog::block_on(async { timeout(2 * PATIENCE, test).await.expect("an end") });
}

/// The rows of a directory page.
const ROWS: &str =
    r"Array.from(document.querySelectorAll('tr'), row => row.innerText.replace('\t', ' ').trim())";

/// Whether the page is there, of a path.
fn is_at(path: &str) -> String {
    format!("location.pathname == '{path}' && document.readyState == 'complete'")
}

#[test]
fn a_directory_page_shows_what_there_is_and_its_links_lead_there() {
    const NAMES: [&str; 3] = ["100%#?.txt", "<b>&\"x  y'.txt", "ä\u{5e9}.txt"];
    let long = format!("{}.txt", "long_name_".repeat(20));
    let folder = Folder::new(&[("z", &[0; 3 << 20]), (&long, b"long")]);
    for name in NAMES {
        std::fs::write(folder.0.join(name), name).unwrap();
    }
    std::fs::create_dir_all(folder.0.join("sub folder/deep")).unwrap();
    std::fs::write(folder.0.join("sub folder/frog.txt"), "a frog in a pond").unwrap();
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/keys");
    let tls = ["--tls", keys.to_str().unwrap()];
    for (scheme, options) in [("http", &[][..]), ("https", &tls)] {
        let server = Server::http(&folder.0, options);
        run(async {
            let origin = format!("{scheme}://{}", server.addr);
            let mut browser = Browser::open(&format!("{origin}/")).await;
            browser.until(&is_at("/")).await;
            let row = |name: &str| format!("{name} {} B", name.len());
            let expected = [
                "sub folder/".into(),
                row(NAMES[0]),
                row(NAMES[1]),
                format!("{long} 4 B"),
                "z 3.0 MiB".into(),
                row(NAMES[2]),
            ];
            assert_eq!(browser.value(ROWS).await, json!(expected));
            // What the links of files lead to; that to the folder leads to a page.
            let texts = "Promise.all(Array.from(document.querySelectorAll('a'), \
                async link => (await (await fetch(link)).text()).slice(0, 20)))";
            let texts = browser.value(texts).await;
            for (place, text) in [(1, NAMES[0]), (2, NAMES[1]), (3, "long"), (5, NAMES[2])] {
                assert_eq!(texts[place], text);
            }
            // On a phone as well nothing goes over the edge.
            for width in [360, 1200] {
                let screen = json!({ "width": width, "height": 700, "deviceScaleFactor": 1,
                    "mobile": width < 500 });
                browser
                    .call("Emulation.setDeviceMetricsOverride", screen)
                    .await;
                let wide = browser.value("document.documentElement.scrollWidth").await;
                assert_eq!(wide, width, "how wide the page is");
            }
            browser.click("a").await;
            browser.until(&is_at("/sub%20folder/")).await;
            assert_eq!(browser.value("document.title").await, "/sub folder/");
            let expected = ["../", "deep/", "frog.txt 16 B"];
            assert_eq!(browser.value(ROWS).await, json!(expected));
            browser.click("a[href$='frog.txt']").await;
            browser.until(&is_at("/sub%20folder/frog.txt")).await;
            let text = browser.value("document.body.innerText").await;
            assert_eq!(text, "a frog in a pond");
            // Later, as this page goes with what it is asked.
            browser.value("setTimeout(() => history.back()) > 0").await;
            browser.until(&is_at("/sub%20folder/")).await;
            browser.click("a").await;
            browser.until(&is_at("/")).await;
            browser.close().await;
        });
    }
}

#[test]
fn two_browsers_chat() {
    let server = Server::start(package("websocket-chat").args(["--addr", "127.0.0.1:0"]));
    let url = format!("http://{}/", server.addr);
    let lines = "Array.from(document.querySelectorAll('#said div'), line => line.innerText)";
    let long = format!("Grace H.: {}", "quak".repeat(100));
    let talk = [
        "* Grace H. has come",
        "* Ada has come",
        "Ada: <b>quak</b> 🐸",
        &long,
    ];
    let last = |line: &str| format!("{lines}.at(-1) == '{line}'");
    run(async {
        // A name in the address goes in at once.
        let mut grace = Browser::open(&format!("{url}#Grace%20H.")).await;
        grace.until(&last(talk[0])).await;
        let mut ada = Browser::open(&url).await;
        // The cursor is where one types.
        ada.until("socket.readyState == WebSocket.OPEN && document.activeElement == input")
            .await;
        ada.enter("Ada").await;
        ada.press_enter().await;
        grace.until(&last(talk[1])).await;
        ada.until(&last(talk[1])).await;
        ada.enter("<b>quak</b> 🐸").await;
        ada.press_enter().await;
        grace.until(&last(talk[2])).await;
        grace.click("input").await;
        grace.enter(&"quak".repeat(100)).await;
        grace.click("button").await;
        for (browser, heard) in [(&mut grace, &talk[..]), (&mut ada, &talk[1..])] {
            browser.until(&last(talk[3])).await;
            assert_eq!(browser.value(lines).await, json!(heard));
            let fits = "said.scrollWidth == said.clientWidth";
            assert_eq!(browser.value(fits).await, true, "a long word is broken");
        }
        server.program.interrupt();
        for browser in [&mut grace, &mut ada] {
            browser.until(&last("* the end: the server stops")).await;
        }
        ada.close().await;
        grace.close().await;
    });
    server.program.finish().success();
}
