//! What the command line promises: messages, exit codes, files that are never lost.

mod checked;
mod configured;
mod inspect;
mod rules;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder of a test's own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("penstock-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("a file")
    }

    /// Runs penstock in this folder, with no environment of the tests' own.
    fn penstock(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("penstock runs")
    }

    /// The same, with something on its stdin.
    fn given(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("penstock runs");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_penstock"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null()).env_clear();
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

const GOOD: &str = "listeners: [{ address: 127.0.0.1:8808 }]
upstreams: { files: { url: 'http://127.0.0.1:3000/mcp?key=hunter2' } }
servers: { files: files }
";

#[test]
fn check_says_ok_with_the_urls_that_agents_use() {
    let folder = Folder::new();
    folder.write("penstock.yaml", GOOD);
    let output = folder.penstock(&["check"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(
        stdout(&output),
        "penstock.yaml: ok: 1 listener, 1 upstream, 1 server\n  \
         http://127.0.0.1:8808/mcp/files -> http://127.0.0.1:3000/mcp\n"
    );
}

#[test]
fn check_tells_as_json_that_a_configuration_cannot_be_read() {
    let folder = Folder::new();
    let output = folder.penstock(&["check", "--json", "absent.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (66, ""));
    let document = json(&output);
    assert!(document["ok"] == false && document["file"] == "absent.yaml", "{document}");
    let said = |member: &str, part: &str| {
        let told = document["problems"][0][member].as_str();
        assert!(told.is_some_and(|told| told.contains(part)), "{document}");
    };
    said("message", "cannot read absent.yaml: No such file");
    said("help", "`penstock init`");
}

#[test]
fn check_says_which_agents_are_confined_and_by_how_many_rules() {
    let folder = Folder::new();
    let agents = "agents:
  claude: { forward: ['api.example:443'], egress: ['tcp 10.0.0.0/8:5432', 'tcp 10.0.0.1:1'] }
  robot: { unit: robot.service }
egress: { mode: audit }
";
    let file = GOOD.replace("8808 }", "8808 }, { address: 127.0.0.1:3128, forward: true }");
    folder.write("penstock.yaml", &format!("{file}{agents}"));
    let output = folder.penstock(&["check"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(
        stdout(&output),
        "penstock.yaml: ok: 2 listeners, 1 upstream, 1 server, 2 agents
  http://127.0.0.1:8808/mcp/files -> http://127.0.0.1:3000/mcp
  http://127.0.0.1:3128 forwards
  agent claude: cgroup penstock/claude, 2 direct, 1 forwarded, audited only
  agent robot: unit robot.service, 0 direct, 0 forwarded, audited only\n"
    );
    let output = folder.penstock(&["check", "--json"]);
    assert_eq!(json(&output)["counts"]["agents"], 2);
}

#[test]
fn check_shows_the_line_and_marks_the_value() {
    let folder = Folder::new();
    folder.write("bad.yaml", &format!("{GOOD}log:\n  level: warning\n"));
    let output = folder.penstock(&["check", "bad.yaml"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (78, ""));
    assert_eq!(
        stderr(&output),
        "error: `log.level` cannot be `warning`
  --> bad.yaml:5:10
  |
5 |   level: warning
  |          ^^^^^^^
  = help: did you mean `warn`?

error: bad.yaml cannot be served: 1 error\n"
    );
}

#[test]
fn check_as_json_is_data_whether_the_file_is_good_or_bad() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    folder.write("bad.yaml", "log: { level: 5 }\n");
    let good = folder.penstock(&["check", "good.yaml", "--json"]);
    assert_eq!((code(&good), json(&good)["ok"].as_bool()), (0, Some(true)));
    let bad = folder.penstock(&["check", "--json", "--config", "bad.yaml"]);
    assert_eq!((code(&bad), json(&bad)["ok"].as_bool()), (78, Some(false)));
    let problem = json(&bad)["problems"]
        .as_array()
        .and_then(|problems| problems.iter().find(|problem| problem["column"] == 15).cloned())
        .expect("the level");
    assert_eq!(problem["line"], 1);
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["help"], "write one of: error, warn, info, debug");
}

#[test]
fn root_is_not_led_by_a_configuration_that_another_user_left_in_the_directory() {
    let folder = Folder::new();
    let own = folder.write("penstock.yaml", GOOD);
    if chown(&own, Some(54_321), None).is_err() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root, in CI too");
        return println!("not run: only root gives a file to another user");
    }
    for command in [&["check"][..], &["run", "--agent", "a", "--", "true"], &["egress", "apply"]] {
        let output = folder.penstock(command);
        assert_eq!(code(&output), 77, "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("belongs to user 54321"), "{}", stderr(&output));
    }
    assert_eq!(code(&folder.penstock(&["check", "--config", "penstock.yaml"])), 0, "by its name");

    // Nor by one that is root's and that another put in its place.
    let elsewhere = folder.write("elsewhere.yaml", GOOD);
    fs::remove_file(&own).expect("it goes");
    symlink(&elsewhere, &own).expect("a link");
    assert_eq!(code(&folder.penstock(&["check"])), 0);
    lchown(&own, Some(54_321), None).expect("it is given away");
    assert_eq!(code(&folder.penstock(&["check"])), 77);
}

#[test]
fn the_configuration_is_looked_for_where_the_help_says() {
    let folder = Folder::new();
    folder.write("named.yaml", GOOD);
    let output = folder.command(&["check"]).env("PENSTOCK_CONFIG", "named.yaml").output().unwrap();
    assert!(stdout(&output).starts_with("named.yaml: ok"));
    let output = folder.penstock(&["check", "absent.yaml"]);
    assert_eq!(code(&output), 66);
    assert!(stderr(&output).contains("cannot read absent.yaml"), "{}", stderr(&output));
}

#[test]
fn serve_refuses_a_bad_file_before_it_binds() {
    let folder = Folder::new();
    folder.write("penstock.yaml", "listeners: []\n");
    let output = folder.penstock(&["serve"]);
    assert_eq!(code(&output), 78);
    assert!(stderr(&output).contains("`listeners` is empty"), "{}", stderr(&output));
}

#[test]
fn a_wrong_command_line_is_a_usage_error_and_help_is_none() {
    let folder = Folder::new();
    assert_eq!(code(&folder.penstock(&[])), 64);
    assert_eq!(code(&folder.penstock(&["srve"])), 64);
    assert_eq!(code(&folder.penstock(&["check", "--jsn"])), 64);
    for command in
        ["serve", "check", "init", "doctor", "inspect", "rules", "schema", "version", "completions"]
    {
        let output = folder.penstock(&[command, "--help"]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("Examples:"), "{command} --help has no example");
    }
}

#[test]
fn init_writes_a_file_that_checks_and_that_others_cannot_read() {
    let folder = Folder::new();
    let output = folder.penstock(&["init"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mode = fs::metadata(folder.0.join("penstock.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let output = folder.penstock(&["check"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!stdout(&output).contains("warning"));
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn init_replaces_nothing_unless_forced() {
    let folder = Folder::new();
    folder.write("penstock.yaml", "mine\n");
    let output = folder.penstock(&["init"]);
    assert_eq!(code(&output), 73);
    assert!(stderr(&output).contains("penstock.yaml is there already"), "{}", stderr(&output));
    assert_eq!(folder.read("penstock.yaml"), "mine\n");
    assert_eq!(code(&folder.penstock(&["init", "--force"])), 0);
    assert!(folder.read("penstock.yaml").contains("listeners:"));
    assert_eq!(code(&folder.penstock(&["init", "--output", "no/such/folder.yaml"])), 73);
}

const CLIENT: &str = r#"{ "mcpServers": {
  "Time": { "command": "uvx", "args": ["mcp-server-time"], "env": { "TOKEN": "hunter2" } },
  "web": { "url": "https://mcp.example/mcp", "headers": { "Authorization": "Bearer hunter2" } }
} }"#;

#[test]
fn init_takes_over_a_client_and_says_what_it_could_not() {
    let folder = Folder::new();
    folder.write("client.json", CLIENT);
    let output = folder.penstock(&["init", "--from", "client.json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(json(&output)["mcpServers"]["Time"]["url"], "http://127.0.0.1:8808/mcp/time");
    let told = stderr(&output);
    assert!(told.contains("export TOKEN=") && told.contains("headers"), "{told}");
    let written = folder.read("penstock.yaml");
    for text in [&told, &written, &stdout(&output)] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(code(&folder.penstock(&["check"])), 78);
    let output = folder.command(&["check"]).env("TOKEN", "x").output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn init_refuses_what_is_no_list_of_servers() {
    let folder = Folder::new();
    folder.write("settings.json", "{ \"theme\": \"dark\" }");
    let output = folder.penstock(&["init", "--from", "settings.json"]);
    assert_eq!(code(&output), 65);
    assert!(stderr(&output).contains("theme"), "{}", stderr(&output));
    assert!(!folder.0.join("penstock.yaml").exists());
    assert_eq!(code(&folder.penstock(&["init", "--from", "absent.json"])), 66);
}

#[test]
fn doctor_finds_a_taken_port_and_a_missing_program() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    folder.write(
        "penstock.yaml",
        &format!(
            "listeners: [{{ address: {address} }}]\nservers: {{ a: a }}\n\
             upstreams: {{ a: {{ command: no-such-program }} }}\n"
        ),
    );
    let output = folder.penstock(&["doctor", "--json"]);
    assert_eq!(code(&output), 69);
    let document = json(&output);
    let status = |name: &str| {
        let checks = document["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == name);
        check.and_then(|check| check["status"].as_str()).unwrap_or("absent").to_owned()
    };
    assert_eq!(status("listener listener-0"), "failed");
    assert_eq!(status("upstream a"), "failed");
    assert_eq!(status("configuration"), "ok");
    assert_ne!(status("kernel"), "failed");
    assert_ne!(status("io_uring"), "absent");
    assert_eq!(status("inspect engine"), "ok");
}

#[test]
fn doctor_connects_to_upstreams_when_asked() {
    let folder = Folder::new();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    folder.write(
        "penstock.yaml",
        &format!(
            "listeners: [{{ address: {free} }}]\nservers: {{ a: a }}\n\
             upstreams: {{ a: {{ url: 'http://{address}/' }} }}\n"
        ),
    );
    let output = folder.penstock(&["doctor", "--connect"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(stdout(&output).contains("accepts connections"));
    drop(upstream);
    let output = folder.penstock(&["doctor", "--connect"]);
    assert_eq!(code(&output), 69, "{}", stdout(&output));
}

#[test]
fn doctor_works_without_a_configuration() {
    let folder = Folder::new();
    assert!(
        !Path::new("/etc/penstock/penstock.yaml").exists(),
        "this test needs a host without a configuration of its own"
    );
    let output = folder.penstock(&["doctor"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(stdout(&output).contains("penstock init"));
}

#[test]
fn schema_version_and_completions_are_printed() {
    let folder = Folder::new();
    let schema = folder.penstock(&["schema"]);
    assert_eq!(json(&schema)["title"], "penstock configuration");
    let version = folder.penstock(&["version", "--json"]);
    assert_eq!(json(&version)["version"], env!("CARGO_PKG_VERSION"));
    let plain = folder.penstock(&["version"]);
    assert!(stdout(&plain).starts_with(concat!("penstock ", env!("CARGO_PKG_VERSION"))));
    let engine = &json(&version)["inspect_engine"];
    let (name, number) = (engine["name"].as_str().unwrap(), engine["version"].as_str().unwrap());
    assert!(stdout(&plain).contains(&format!("\ninspect engine: {name} {number}\n")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&folder.penstock(&["completions", shell])).contains("doctor"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let mut child =
        folder.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(child.wait().unwrap().success(), "{complaint}");
    assert_eq!(complaint, "");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let folder = Folder::new();
    folder.write("bad.yaml", "log: 5\n");
    let coloured = |args: &[&str]| stderr(&folder.penstock(args)).contains('\x1b');
    assert!(!coloured(&["check", "bad.yaml"]));
    assert!(coloured(&["check", "bad.yaml", "--color", "always"]));
    assert!(!coloured(&["check", "bad.yaml", "--color", "never"]));
}
