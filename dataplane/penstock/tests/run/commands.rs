//! `penstock egress …` and what `serve` says of agents, as an operator meets them.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{Setup, always, eventually, free_port, ok};
use crate::host::{Host, UID, for_everybody, output, refusal, says, signal};

impl Host {
    /// `penstock egress` of these words.
    fn egress(&self, words: &[&str]) -> Command {
        let mut command = self.penstock(&["egress"]);
        command.args(words);
        command
    }

    /// The JSON of a command, and whether it was content.
    fn json(&self, words: &[&str]) -> (Value, bool) {
        let Output { status, stdout, stderr } = output(self.egress(words));
        let text = String::from_utf8_lossy(&stdout);
        let parsed = serde_json::from_str(&text);
        let failed = format!("{text}\n{}", String::from_utf8_lossy(&stderr));
        (parsed.expect(&failed), status.success())
    }

    /// Runs a shell script in the agent's cgroup, as root and unseen by `penstock run`.
    fn inside(&self, script: &str) -> Output {
        let join = format!("echo $$ > {}/cgroup.procs; {script}", self.cgroup().display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &join]);
        output(shell)
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[test]
fn status_says_what_is_in_force_and_what_is_not_as_configured() {
    let Some(host) = Host::new() else { return };
    let (before, good) = host.json(&["status", "--json"]);
    assert!(!good);
    assert!(texts(&before["faults"])[0].contains("one: nothing is enforced"), "{before}");

    says(host.egress(&["apply"]));
    let (now, good) = host.json(&["status", "--json"]);
    assert!(good, "{now}");
    let agent = &now["agents"][0];
    assert_eq!(
        (&agent["agent"], &agent["state"], &agent["mode"]),
        (&"one".into(), &"live".into(), &"enforce".into())
    );
    let rules: Vec<_> = agent["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| rule["rule"].as_str())
        .collect();
    let forward = format!("penstock tcp {}", host.forward);
    assert_eq!(rules, [Some("penstock tcp 127.0.0.1:8808"), Some(&*forward)]);

    // Another policy is configured than is in force, until it is applied.
    host.configure(", egress: [ \"tcp 192.0.2.0/24:443\" ]");
    let (drifted, good) = host.json(&["status", "--json"]);
    assert!(!good);
    assert!(texts(&drifted["faults"])[0].contains("not what the configuration says"), "{drifted}");
    says(host.egress(&["apply"]));
    let (applied, good) = host.json(&["status", "--json"]);
    assert!(good, "{applied}");
    assert_eq!(applied["agents"][0]["rules"][2]["rule"], "tcp 192.0.2.0/24:443");

    // A cgroup that is made anew is not held, and that is said.
    fs::remove_dir(host.cgroup()).expect("it is removed");
    fs::create_dir(host.cgroup()).expect("it is made anew");
    let (gone, good) = host.json(&["status", "--json"]);
    assert!(!good);
    assert_eq!(gone["agents"][0]["state"], "gone");
    assert!(texts(&gone["faults"])[0].contains("was removed"), "{gone}");
    says(host.egress(&["apply"]));
    assert!(host.json(&["status", "--json"]).1, "what is dead goes when it is applied anew");
}

#[test]
fn one_pin_less_is_a_fault_that_names_it() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    let sets = host.bpffs().join("v1/agents/one");
    let set = fs::read_dir(&sets).expect("the cgroup's").flatten().next().expect("one").path();
    fs::remove_file(set.join("1/connect6")).expect("it is unpinned");
    let (broken, good) = host.json(&["status", "--json"]);
    assert!(!good);
    assert_eq!(texts(&broken["agents"][0]["missing"]), ["connect6"]);
    says(host.egress(&["apply"]));
    assert!(host.json(&["status", "--json"]).1);
}

#[test]
fn the_self_check_finds_every_way_shut_and_in_audit_mode_finds_them_open() {
    let Some(host) = Host::new() else { return };
    let (code, said) = refusal(host.egress(&["test"]));
    assert_eq!(code, 69);
    assert!(said.contains("no BPF filesystem is mounted"), "{said}");

    says(host.egress(&["apply"]));
    let (tested, good) = host.json(&["test", "--json"]);
    assert!(good, "{tested}");
    let ways = tested["agents"][0]["ways"].as_array().expect("ways");
    let of = |outcome: &str| ways.iter().filter(|way| way["outcome"] == outcome).count();
    assert!(of("shut") >= 20 && of("allowed") == 2 && of("open") == 0, "{tested}");

    host.configure_all("audit", "", "");
    says(host.egress(&["apply"]));
    let (audited, good) = host.json(&["test", "--json"]);
    assert!(!good, "what is open must not pass for shut");
    let ways = audited["agents"][0]["ways"].as_array().expect("ways");
    assert!(ways.iter().any(|way| way["outcome"] == "open"), "{audited}");
    let events = says(host.egress(&["events", "--json"]));
    assert!(events.lines().any(|line| line.contains("\"verdict\":\"audited\"")), "{events}");
}

#[test]
fn events_tell_who_tried_what_and_go_to_one_reader() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    says(host.egress(&["events"]));
    let path = host.work().join("events");
    let mut follow = host.egress(&["events", "--follow", "--json"]);
    let mut reader =
        follow.stdout(File::create(&path).expect("a file")).spawn().expect("it starts");
    host.inside("exec bash -c 'exec 3<>/dev/tcp/192.0.2.1/443'");
    let read = || fs::read_to_string(&path).expect("what it wrote");
    eventually("an event", || read().ends_with('\n'));
    let event: Value = serde_json::from_str(&read()).expect("JSON");
    assert_eq!(event["agent"], "one");
    assert_eq!(event["verdict"], "refused");
    assert_eq!(event["hook"], "connect4");
    assert_eq!((&event["address"], &event["port"]), (&"192.0.2.1".into(), &443.into()));
    assert_eq!((&event["comm"], &event["uid"]), (&"bash".into(), &0.into()));
    assert_eq!(event["cgroup"].as_str(), host.cgroup().to_str());
    assert!(
        event["time"].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z'))
    );

    let (code, said) = refusal(host.egress(&["events"]));
    assert_eq!(code, 69);
    assert!(said.contains("another process reads the events"), "{said}");
    signal(reader.id(), "KILL");
    let _ = reader.wait();
}

#[test]
fn a_process_cannot_write_lines_of_its_own_into_the_events() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    host.inside(
        "exec python3 -c \"
import ctypes, socket
ctypes.CDLL(None).prctl(15, b'a)\\n\\x1b[31mone: ok')
try: socket.create_connection(('192.0.2.1', 443))
except OSError: pass\"",
    );
    let said = says(host.egress(&["events"]));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("a)\\n\\u{1b}[31mone: ok[") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn events_of_an_agent_that_is_not_there_take_none_away() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    host.inside("exec bash -c 'exec 3<>/dev/tcp/192.0.2.1/443'");
    let (code, said) = refusal(host.egress(&["events", "--agent", "typo"]));
    assert_eq!(code, 64);
    assert!(said.contains("no agent `typo`") && said.contains("there is: one"), "{said}");
    assert_eq!(says(host.egress(&["events"])).lines().count(), 1);
}

#[test]
fn what_is_held_is_to_be_seen_without_a_configuration() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    host.configure(", nonsense: 1");
    let pins = host.bpffs().display().to_string();
    host.inside("exec bash -c 'exec 3<>/dev/tcp/192.0.2.1/443'");
    for (words, says) in [
        (&["status"][..], "one: enforced on"),
        (&["events"], "one: refused connect4"),
        (&["remove", "--all"], "one: no longer held on 1 cgroup"),
    ] {
        let mut command = host.egress(words);
        command.args(["--bpffs", &pins]);
        let Output { status, stdout, stderr } = output(command);
        let said = String::from_utf8_lossy(&stdout);
        assert!(said.contains(says), "{words:?}: {said}");
        // And what is wrong with the configuration is not passed over.
        assert_eq!(status.code(), Some(78), "{words:?}");
        assert!(String::from_utf8_lossy(&stderr).contains("unknown key `nonsense`"));
    }
}

#[test]
fn an_agent_that_could_write_the_configuration_is_not_held_by_it() {
    let Some(host) = Host::with(", run_as: \"54321\"") else { return };
    says(host.egress(&["apply"]));
    let file = host.work().join("../penstock.yaml");
    std::os::unix::fs::chown(&file, Some(54_321), None).expect("it is given away");
    let (code, said) = refusal(host.egress(&["apply"]));
    assert_eq!(code, 77, "{said}");
    assert!(said.contains("can write") && said.contains("sudo chown root"), "{said}");
}

#[test]
fn one_cgroup_can_be_let_go_and_one_that_is_gone_is_no_fault_of_the_others() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    let other = host.cgroup().with_extension("other");
    fs::create_dir(&other).expect("a cgroup");
    let path = other.to_str().expect("a path");
    says(host.egress(&["apply", "--agent", "one", "--cgroup", path]));
    assert_eq!(host.json(&["status", "--json"]).0["agents"].as_array().map(Vec::len), Some(2));
    says(host.egress(&["remove", "--agent", "one", "--cgroup", path]));
    let (left, good) = host.json(&["status", "--json"]);
    assert!(good, "{left}");
    assert_eq!(left["agents"][0]["cgroup"].as_str(), host.cgroup().to_str());
    let (code, said) = refusal(host.egress(&["remove", "--agent", "one", "--cgroup", path]));
    assert_eq!(code, 69);
    assert!(said.contains("nothing is enforced for agent `one` on"), "{said}");

    says(host.egress(&["apply", "--agent", "one", "--cgroup", path]));
    fs::remove_dir(&other).expect("it is removed");
    assert!(host.json(&["test", "--json"]).1, "the cgroup that lives is held");
    let (gone, good) = host.json(&["status", "--json"]);
    assert!(!good, "{gone}");
    says(host.egress(&["apply"]));
    assert!(host.json(&["status", "--json"]).1);
}

#[test]
fn enforcement_is_not_removed_under_a_running_agent_unless_told_so() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    let mut agent = host.run(&["sleep", "30"]).spawn().expect("it starts");
    eventually("the agent runs", || crate::host::processes("sleep 30") > 0 || running(&host));
    let (code, said) = refusal(host.egress(&["remove", "--agent", "one"]));
    assert_eq!(code, 69);
    assert!(said.contains("would go free") && said.contains("--force"), "{said}");
    assert!(host.json(&["status", "--json"]).1, "it is still held");
    signal(agent.id(), "TERM");
    let _ = agent.wait();
    says(host.egress(&["remove", "--agent", "one"]));
    let (code, said) = refusal(host.egress(&["remove", "--agent", "one"]));
    assert_eq!(code, 69);
    assert!(said.contains("nothing is enforced for agent `one`"), "{said}");
}

fn running(host: &Host) -> bool {
    let Ok(entries) = fs::read_dir(host.cgroup()) else { return false };
    entries.flatten().any(|entry| {
        fs::read_to_string(entry.path().join("cgroup.procs")).is_ok_and(|text| !text.is_empty())
    })
}

#[test]
fn an_agent_has_a_cgroup_of_its_own() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    let below = host.cgroup().join("below");
    fs::create_dir(&below).expect("a cgroup");
    host.configure_all("enforce", "", ", two: {}");
    let path = below.to_str().expect("a path");
    let (code, said) = refusal(host.egress(&["apply", "--agent", "two", "--cgroup", path]));
    assert_eq!(code, 69);
    assert!(
        said.contains("agent `one` is held on") && said.contains("none inside another's"),
        "{said}"
    );
    for path in ["/", "..", "/sys/fs/cgroup/../.."] {
        let (code, said) = refusal(host.egress(&["apply", "--agent", "two", "--cgroup", path]));
        assert_eq!(code, 69, "{said}");
    }
    fs::remove_dir(&below).expect("it is removed");
    let (code, said) = refusal(host.egress(&["apply", "--agent", "two", "--pid", "4194303"]));
    assert_eq!(code, 69);
    assert!(said.contains("process 4194303 has no cgroup to confine"), "{said}");
}

#[test]
fn serve_knows_its_agents_and_says_when_one_goes_free() {
    let Some(host) = Host::new() else { return };
    let (admin, forward) = (free_port(), free_port());
    let penstock = Setup::to(always(ok("{}")))
        .listener(&format!("{{ address: \"{forward}\", forward: true }}"))
        .more(&format!(
            "admin: {{ address: \"{admin}\" }}\nlog: {{ access: true }}\n{}",
            host.sections("enforce", "", "")
        ))
        .start();
    let mut apply = Command::new(env!("CARGO_BIN_EXE_penstock"));
    apply.arg("--config").arg(&penstock.config).args(["egress", "apply"]);
    says(apply);
    penstock.logs("the kernel holds it agent=\"one\"");

    let url = format!("http://{}/mcp/up", penstock.address);
    let call = format!(
        "curl -s --max-time 5 -H 'Accept: application/json, text/event-stream' -H 'Content-Type: application/json' \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}' {url}"
    );
    let answered = host.inside(&call);
    assert_eq!(String::from_utf8_lossy(&answered.stdout), "{}", "{answered:?}");
    penstock.logs("agent=\"one\" server=\"up\"");
    // The same call from outside is nobody's.
    let mut shell = Command::new("sh");
    assert!(
        output({
            shell.args(["-c", &call]);
            shell
        })
        .status
        .success()
    );
    eventually("two calls in the log", || penstock.log().matches("server=\"up\"").count() == 2);
    assert_eq!(penstock.log().matches("agent=\"one\" server=\"up\"").count(), 1);

    let direct =
        TcpListener::bind("127.0.0.1:0").expect("a listener").local_addr().expect("its address");
    assert!(!host.inside(&format!("curl -s --max-time 5 http://{direct}/")).status.success());
    let metrics = || {
        let mut curl = Command::new("curl");
        curl.args(["-s", &format!("http://{admin}/metrics")]);
        says(curl)
    };
    eventually("the refusal is counted", || {
        metrics().contains("penstock_egress_refused_total{agent=\"one\",hook=\"connect4\"} 1")
    });
    assert!(metrics().contains("penstock_egress_held{agent=\"one\"} 1"));

    fs::remove_dir(host.cgroup()).expect("it is removed");
    penstock.logs("the kernel no longer holds it");
    assert!(metrics().contains("penstock_egress_held{agent=\"one\"} 0"));
}

#[test]
fn that_nobody_can_look_is_not_taken_for_the_end_of_enforcement() {
    let Some(host) = Host::new() else { return };
    let penstock = Setup::to(always(ok("{}")))
        .listener(&format!("{{ address: \"{}\", forward: true }}", free_port()))
        .more(&host.sections("enforce", "", ""))
        .descriptors(64)
        .start();
    let mut apply = Command::new(env!("CARGO_BIN_EXE_penstock"));
    apply.arg("--config").arg(&penstock.config).args(["egress", "apply"]);
    says(apply);
    penstock.logs("the kernel holds it agent=\"one\"");

    let crowd: Vec<_> = (0..128).map(|_| TcpStream::connect(penstock.address)).collect();
    penstock.logs("cannot be read");
    drop(crowd);
    assert!(!penstock.log().contains("no longer holds"), "{}", penstock.log());
}

#[test]
fn apply_says_who_could_leave_the_cgroup() {
    let Some(host) = Host::new() else { return };
    let warnings = || String::from_utf8_lossy(&output(host.egress(&["apply"])).stderr).into_owned();
    assert_eq!(warnings(), "");
    let above = host.cgroup().with_file_name(format!("above-{}", std::process::id()));
    let below = above.join("agent");
    fs::create_dir_all(&below).expect("a cgroup");
    std::os::unix::fs::chown(above.join("cgroup.procs"), Some(UID), None).expect("it is delegated");
    let place = below.display().to_string();
    let said = output(host.egress(&["apply", "--agent", "one", "--cgroup", &place]));
    let said = String::from_utf8_lossy(&said.stderr);
    let _ = fs::remove_dir(&below);
    let _ = fs::remove_dir(&above);
    let expected = format!("warning: user {UID} may move processes out of {place}");
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn what_takes_root_says_so_to_others() {
    let Some(host) = Host::new() else { return };
    says(host.egress(&["apply"]));
    let program = for_everybody(&host.work());
    for words in [&["apply"][..], &["status"], &["test"], &["events"], &["remove", "--all"]] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=54321", "--regid=54322", "--clear-groups"]).arg(&program);
        command.arg("--config").arg(host.work().join("../penstock.yaml")).arg("egress").args(words);
        let (code, said) = refusal(command);
        assert_eq!(code, 77, "{words:?}: {said}");
        assert!(said.contains("needs root") && said.contains("sudo"), "{words:?}: {said}");
    }
}
