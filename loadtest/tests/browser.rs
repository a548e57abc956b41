//! Pages as a browser shows them: headless Chromium opens them, and says what it made of them.
//!
//! It is a tool: `cargo xtask setup --tests` installs it.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

#[path = "../src/report"]
#[allow(dead_code, reason = "the tests need some of it")]
mod report {
    pub(crate) mod model;
    pub(crate) mod sample;
}

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use report::model::Report;
use report::sample;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// A browser that takes longer is ended.
const LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);
/// Of each colour, as far as smooth edges go.
const NEAR: u8 = 20;

#[test]
fn a_report_has_its_sections_and_plots() {
    let browser = Browser::new();
    let page = browser.page("run", &sample::steady());
    let dom = browser.dom(&page);
    for heading in [
        "<h1>Load test</h1>",
        "<h2>Latency</h2>",
        "<h3>Latency by percentile</h3>",
        "<h2>Over time</h2>",
        "<h3>Rate</h3>",
        "<h3>Failures</h3>",
        "<h3>Process: CPU</h3>",
        "<h3>Process: memory</h3>",
        "<h2>Errors</h2>",
        "<h2>The harness</h2>",
        "<h2>Plan</h2>",
    ] {
        assert!(dom.contains(heading), "{heading}");
    }
    assert_eq!(dom.matches("<svg role=\"img\"").count(), 10);
    assert!(!dom.contains("<script"), "no script");
}

#[test]
fn a_search_and_a_comparison_are_shown() {
    let browser = Browser::new();
    let dom = browser.dom(&browser.page("search", &sample::searched()));
    assert!(dom.contains("<h2>Search</h2>") && dom.contains("<h3>Latency by rate</h3>"));
    assert!(dom.contains("found: 5,250/s"));
    let dom = browser.dom(&browser.comparison(&sample::steady(), &sample::lasting(30)));
    assert!(dom.contains("<h1>Load tests compared</h1>"));
    assert_eq!(dom.matches("<svg role=\"img\"").count(), 4, "all calls, and three kinds");
}

#[test]
fn little_and_nothing_are_shown_too() {
    let browser = Browser::new();
    for (name, report, plots) in [
        ("nothing", sample::nothing(), 0),
        ("second", sample::lasting(1), 9),
        ("hour", sample::lasting(3600), 10),
    ] {
        let dom = browser.dom(&browser.page(name, &report));
        assert_eq!(dom.matches("<svg role=\"img\"").count(), plots, "{name}");
    }
}

#[test]
fn what_a_report_says_is_text_to_the_browser() {
    let browser = Browser::new();
    let hostile = "</style></title><script>document.title='owned'</script><img src=http://a.test/>";
    let page = browser.page("hostile", &sample::filled_with(hostile));
    let dom = browser.dom(&page);
    assert!(!dom.contains("<script") && !dom.contains("<img"), "no element is made of it");
    assert!(!dom.contains("<title>owned"));
    assert!(dom.contains("&lt;script&gt;document.title='owned'"));
}

/// The other tests rest on it: a browser that says nothing found nothing.
#[test]
fn what_the_page_may_not_do_is_refused_and_told() {
    let browser = Browser::new();
    let page = browser.page("run", &sample::lasting(5));
    let worse = "<script>document.title='owned'</script><img src=http://a.test/x.png></main>";
    browser.edit(&page, "</main>", worse);
    let told = browser.open(&page, &["--dump-dom"]);
    let refusals: Vec<&str> = told
        .console
        .iter()
        .filter(|line| line.contains("Content Security Policy"))
        .map(String::as_str)
        .collect();
    assert_eq!(refusals.len(), 2, "the script and the image: {:?}", told.console);
    assert!(!told.stdout.contains("<title>owned"));
}

#[test]
fn plots_are_seen_by_day_and_by_night() {
    let browser = Browser::new();
    let page = browser.page("run", &sample::steady());
    for (scheme, background, lines) in [
        ("1", [0xf4, 0xf5, 0xf7], [[0x00, 0x67, 0xa5], [0xc4, 0x50, 0x0a], [0x00, 0x79, 0x5a]]),
        ("0", [0x10, 0x15, 0x1c], [[0x5c, 0xb8, 0xf0], [0xff, 0x96, 0x50], [0x35, 0xcf, 0xa0]]),
    ] {
        let shot = browser.screenshot(&page, scheme);
        assert_eq!((shot.width, shot.height), (1280, 2400));
        assert!(shot.count(background) > 20_000, "the page is of its colour");
        assert!(shot.colours() > 200, "text has smooth edges: {}", shot.colours());
        for line in lines {
            assert!(shot.count(line) > 800, "{line:?}: {}", shot.count(line));
        }
    }
}

#[test]
fn a_phone_need_not_scroll_sideways() {
    let browser = Browser::new();
    for (name, report) in [("run", sample::steady()), ("search", sample::searched())] {
        let page = browser.page(name, &report);
        assert_eq!(browser.width_at(&page, 400), 400, "{name}");
    }
    let page = browser.comparison(&sample::steady(), &sample::steady());
    assert_eq!(browser.width_at(&page, 400), 400, "comparison");
}

/// A browser with a profile and pages of its own.
struct Browser {
    folder: TempDir,
}

/// What came of opening a page.
struct Opened {
    stdout: String,
    /// What the page's console said: errors, and what the policy refused.
    console: Vec<String>,
}

impl Browser {
    fn new() -> Self {
        let found = Command::new("chromium").arg("--version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "chromium is not there: cargo xtask setup --tests"
        );
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The page of a report, as the binary writes it.
    fn page(&self, name: &str, report: &Report) -> PathBuf {
        let json = self.json(name, report);
        self.written(name, &["report", json.to_str().unwrap(), "--assert", "p99<1s,errors=0"])
    }

    fn comparison(&self, base: &Report, new: &Report) -> PathBuf {
        let (base, new) = (self.json("base", base), self.json("new", new));
        self.written("change", &["compare", base.to_str().unwrap(), new.to_str().unwrap()])
    }

    fn json(&self, name: &str, report: &Report) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.json"));
        fs::write(&path, serde_json::to_vec(report).unwrap()).unwrap();
        path
    }

    fn written(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let html = self.folder.path().join(format!("{name}.html"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-loadtest"));
        let output = command.args(arguments).arg("--html").arg(&html).output().unwrap();
        assert!(html.exists(), "{}", String::from_utf8_lossy(&output.stderr));
        html
    }

    fn edit(&self, page: &Path, from: &str, to: &str) {
        assert!(page.starts_with(self.folder.path()));
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(page, text.replacen(from, to, 1)).unwrap();
    }

    /// The document as the browser understood it, without a word of complaint.
    fn dom(&self, page: &Path) -> String {
        let opened = self.open(page, &["--dump-dom"]);
        assert_eq!(opened.console, Vec::<String>::new(), "{}", page.display());
        opened.stdout
    }

    fn screenshot(&self, page: &Path, scheme: &str) -> Shot {
        let path = self.folder.path().join("shot.png");
        let opened = self.open(
            page,
            &[
                &format!("--screenshot={}", path.display()),
                "--window-size=1280,2400",
                "--hide-scrollbars",
                &format!("--blink-settings=preferredColorScheme={scheme}"),
            ],
        );
        assert_eq!(opened.console, Vec::<String>::new());
        Shot::read(&path)
    }

    /// How wide a page becomes in a frame of that width: no window is as narrow as a phone. A script
    /// in the page tells, so this copy of it has no policy.
    fn width_at(&self, page: &Path, width: u32) -> u32 {
        self.edit(page, "http-equiv=\"Content-Security-Policy\"", "name=\"policy\"");
        let tell = "<script>onload = () => \
                    parent.postMessage(document.documentElement.scrollWidth, '*')</script></body>";
        self.edit(page, "</body>", tell);
        let frame = self.folder.path().join("frame.html");
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = format!(
            "<script>onmessage = told => document.title = 'width ' + told.data</script>\
             <iframe src=\"{name}\" style=\"width:{width}px;height:800px;border:0\"></iframe>"
        );
        fs::write(&frame, text).unwrap();
        let dom = self
            .open(&frame, &["--dump-dom", "--hide-scrollbars", "--virtual-time-budget=5000"])
            .stdout;
        let told = dom.split("<title>width ").nth(1).and_then(|rest| rest.split('<').next());
        told.unwrap_or_else(|| panic!("no width in {dom}")).parse().unwrap()
    }

    /// Opens a page with no way to any host, and waits for the browser to be done with it.
    fn open(&self, page: &Path, arguments: &[&str]) -> Opened {
        let (out, err) = (self.folder.path().join("stdout"), self.folder.path().join("stderr"));
        let profile = tempfile::tempdir_in(self.folder.path()).unwrap();
        let mut command = Command::new("chromium");
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-extensions", "--disable-breakpad"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            // What it starts is ended with it.
            .process_group(0);
        let ended = wait(command.spawn().unwrap());
        let stderr = String::from_utf8_lossy(&fs::read(&err).unwrap()).into_owned();
        assert!(ended, "chromium did not end well:\n{stderr}");
        let console = stderr.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
        let stdout = String::from_utf8_lossy(&fs::read(&out).unwrap()).into_owned();
        Opened { stdout, console: console.collect() }
    }
}

/// Whether it ended by itself, and well.
fn wait(mut child: Child) -> bool {
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > LIMIT {
            break None;
        }
        sleep(POLL);
    };
    // Helpers of the browser may outlive it; where none does, there is no group.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    status.is_some_and(|status| status.success())
}

/// A picture of a page.
struct Shot {
    width: u32,
    height: u32,
    pixels: Vec<[u8; 3]>,
}

impl Shot {
    fn read(path: &Path) -> Self {
        let file = std::io::BufReader::new(File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!(info.bit_depth, png::BitDepth::Eight);
        let channels = info.color_type.samples();
        assert!(channels >= 3, "{:?} has no colours", info.color_type);
        let pixels = bytes[..info.buffer_size()].chunks_exact(channels);
        let pixels = pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Self { width: info.width, height: info.height, pixels }
    }

    /// Pixels of about this colour.
    fn count(&self, colour: [u8; 3]) -> usize {
        let near = |pixel: &&[u8; 3]| {
            pixel.iter().zip(colour).all(|(is, wanted)| is.abs_diff(wanted) <= NEAR)
        };
        self.pixels.iter().filter(near).count()
    }

    fn colours(&self) -> usize {
        self.pixels.iter().collect::<std::collections::HashSet<_>>().len()
    }
}
