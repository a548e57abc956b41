//! What agents use reaches what they may through the forward listener, and nothing past it, told of
//! nothing but what `penstock run` tells everybody.

use crate::common::eventually;
use crate::host::says;
use crate::serving::{ALLOWED, OTHER, Serving, fails};

/// Without what `penstock run` says of proxies.
const ALONE: [&str; 11] = [
    "env",
    "-u",
    "HTTPS_PROXY",
    "-u",
    "https_proxy",
    "-u",
    "HTTP_PROXY",
    "-u",
    "http_proxy",
    "-u",
    "NODE_USE_ENV_PROXY",
];

/// A tool that shows a file, as `command` with the URL at its end. How the kernel names it, and what it
/// says of a host that the agent may not ask for.
struct Tool {
    command: &'static [&'static str],
    process: &'static str,
    says: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool { command: &["curl", "-sS"], process: "curl", says: "response 403" },
    Tool {
        command: &[
            "python3",
            "-c",
            "import requests, sys; print(requests.get(sys.argv[1]).text, end='')",
        ],
        process: "python3",
        says: "to agents.one.forward",
    },
    Tool {
        command: &[
            "/usr/bin/python3",
            "-c",
            "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode(), end='')",
        ],
        process: "python3",
        says: "to agents.one.forward",
    },
    Tool {
        command: &[
            "node",
            "-e",
            "fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))",
        ],
        process: "node",
        says: "403",
    },
];

#[test]
fn tools_reach_what_they_may_and_nothing_else() {
    let Some(serving) = Serving::new() else { return };
    let port = serving.destination.https.port();
    serving.destination.file("hello", "{\"hello\":\"agent\"}");
    for Tool { command, process, says: refused } in TOOLS {
        let (allowed, other) = (serving.url(ALLOWED, "hello"), serving.url(OTHER, "hello"));
        for url in [&allowed, &other] {
            let said = says(serving.unconfined(&words(&[], command, url)));
            assert_eq!(said, "{\"hello\":\"agent\"}", "unconfined: {command:?}");
        }
        let said = says(serving.agent(&words(&[], command, &allowed)));
        assert_eq!(said, "{\"hello\":\"agent\"}", "{command:?}");
        let line = format!("agent=\"one\" verb=CONNECT host=\"{ALLOWED}\" port={port}");
        eventually("it is in the access log", || serving.log().contains(&line));

        let said = fails(serving.agent(&words(&[], command, &other)));
        assert!(said.contains(refused), "{command:?}: {said}");

        serving.events();
        let said = fails(serving.agent(&words(&ALONE, command, &allowed)));
        let events = serving.events();
        let event = events.iter().find(|event| event["port"] == port);
        let event = event.unwrap_or_else(|| panic!("{command:?}: {events:?}: {said}"));
        assert_eq!(
            (&event["verdict"], &event["hook"], &event["address"], &event["comm"]),
            (&"refused".into(), &"connect4".into(), &"127.0.0.2".into(), &process.into()),
        );
    }
}

fn words<'a>(before: &[&'a str], command: &[&'a str], url: &'a str) -> Vec<&'a str> {
    [before, command, &[url]].concat()
}

#[test]
fn curl_is_told_what_is_wrong_in_either_direction() {
    let Some(serving) = Serving::new() else { return };
    let port = serving.destination.http.port();
    serving.destination.file("hello", "plain");
    let url = |name: &str| format!("http://{name}:{port}/hello");
    assert_eq!(says(serving.agent(&["curl", "-sS", &url(ALLOWED)])), "plain");
    // Of plain HTTP the answer itself is shown.
    let said = says(serving.agent(&["curl", "-sS", &url(OTHER)]));
    let rule = format!("add \"{OTHER}:{port}\" to agents.one.forward");
    assert!(said.contains(&rule), "{said}");
    let said = fails(serving.agent(&["curl", "-sSf", &url(OTHER)]));
    assert!(said.contains("403"), "{said}");
    // Of a tunnel `-v` shows it.
    let said = fails(serving.agent(&["curl", "-sv", &serving.url(OTHER, "hello")]));
    assert!(said.contains("to agents.one.forward"), "{said}");
    let direct = ["curl", "-sSv", "--noproxy", "*", &serving.url(ALLOWED, "hello")];
    let said = fails(serving.agent(&direct));
    assert!(said.contains("Operation not permitted"), "{said}");
}

#[test]
fn git_clones_fetches_and_pushes_over_https() {
    let Some(serving) = Serving::new() else { return };
    serving.destination.repository("demo");
    let url = serving.url(ALLOWED, "git/demo");
    let script = format!(
        "export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0\n\
         git clone -q {url} one; git clone -q {url} two\n\
         git -C one -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m second\n\
         git -C one push -q origin main; git -C two fetch -q; git -C two log --format=%s origin/main"
    );
    assert_eq!(says(serving.unconfined(&["git", "ls-remote", "-q", &url])).lines().count(), 2);
    assert_eq!(says(serving.agent(&["sh", "-ec", &script])), "second\nfirst\n");

    let other = serving.url(OTHER, "git/demo");
    let said = fails(serving.agent(&["git", "clone", &other, "three"]));
    assert!(said.contains("CONNECT tunnel failed, response 403"), "{said}");

    serving.events();
    let said = fails(serving.agent(&[&ALONE, &["git", "-C", "two", "fetch"][..]].concat()));
    let events = serving.events();
    assert!(events.iter().any(|event| event["comm"] == "git-remote-http"), "{events:?}: {said}");
}

#[test]
fn pip_and_npm_reach_an_index() {
    let Some(serving) = Serving::new() else { return };
    let wheel = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    at = 'demo-1.0.dist-info/'
    wheel.writestr('demo.py', 'print(1)')
    wheel.writestr(at + 'METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')
    wheel.writestr(at + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(at + 'RECORD', '')
";
    let name = "demo-1.0-py3-none-any.whl";
    serving.destination.file("simple/demo/index.html", format!("<a href=\"/{name}\">{name}</a>"));
    let at = serving.destination.path(name);
    says({
        let mut python = std::process::Command::new("python3");
        python.args(["-c", wheel]).arg(at);
        python
    });
    let package = "{\"name\":\"demo\",\"dist-tags\":{\"latest\":\"1.0.0\"},\"versions\":{\"1.0.0\":{\
        \"name\":\"demo\",\"version\":\"1.0.0\",\"dist\":{\"tarball\":\"x\",\"shasum\":\"x\"}}}}";
    serving.destination.file("demo", package);

    let pip = |name: &str| {
        let index = serving.url(name, "simple");
        let pip =
            "python3 -m pip --isolated --retries 1 --disable-pip-version-check --no-cache-dir";
        format!("{pip} install --no-deps --target packages --index-url {index} demo >&2")
    };
    let script = format!("{} && PYTHONPATH=packages python3 -m demo", pip(ALLOWED));
    assert_eq!(says(serving.agent(&["sh", "-ec", &script])), "1\n");
    let said = fails(serving.agent(&["sh", "-ec", &pip(OTHER)]));
    assert!(said.contains("to agents.one.forward"), "{said}");

    let npm = |name: &str| {
        let registry = serving.url(name, "");
        let npm = "npm view demo version --cache npm --fetch-retries 0 --update-notifier false";
        format!("{npm} --registry {registry}")
    };
    assert_eq!(says(serving.agent(&["sh", "-ec", &npm(ALLOWED)])), "1.0.0\n");
    let said = fails(serving.agent(&["sh", "-ec", &npm(OTHER)]));
    assert!(said.contains("to agents.one.forward"), "{said}");
}
