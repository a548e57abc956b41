//! What a shard looks up, and the pool.

use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result, anyhow};
use penstock_config::{System, agent_id};
use penstock_http1::{HeadLimits, RequestHead};
use penstock_proxy::bench::{self, Parts};

use crate::Case;
use crate::inputs::{self, aligned};

/// A host with three servers, and an agent that may reach as many places as a developer's does.
const CONFIGURATION: &str = "\
listeners:
  - { name: mcp, address: 127.0.0.1:8808 }
  - { name: forward, address: 127.0.0.1:8809, forward: true }
upstreams:
  github: { url: 'http://127.0.0.1:3000/mcp' }
  files: { url: 'http://127.0.0.1:3001/mcp' }
  time: { url: 'http://127.0.0.1:3002/mcp' }
servers: { github: github, files: files, time: time }
agents:
  claude:
    forward:
      - api.anthropic.com:443
      - github.com:443
      - '*.githubusercontent.com:443'
      - registry.npmjs.org:443
      - static.crates.io:443
      - index.crates.io:443
      - pypi.org:443
      - '*.pythonhosted.org:443'
";

/// Calls `with` with the cases, on a shard's runtime.
pub(crate) fn on_a_shard<T>(with: impl FnOnce(Vec<Case>) -> T) -> Result<T> {
    let loaded = penstock_config::parse(CONFIGURATION, Path::new("bench.yaml"), &System);
    let loaded = loaded.map_err(|problems| anyhow!("the configuration is wrong: {problems:?}"))?;
    let directory = tempfile::tempdir().context("cannot make a directory for sockets")?;
    bench::on_a_shard(loaded.snapshot, directory.path(), |parts| with(cases(&parts)))
        .context("the parts of the proxy cannot be made")
}

fn cases(parts: &Rc<Parts>) -> Vec<Case> {
    vec![host(parts), origin(parts), route(parts), caller(parts), pool(parts), forward(parts)]
}

fn host(parts: &Rc<Parts>) -> Case {
    let (parts, host) = (Rc::clone(parts), aligned("127.0.0.1:8808"));
    Case::new("proxy/host", 0, move || parts.host(black_box(host)))
}

fn origin(parts: &Rc<Parts>) -> Case {
    let (parts, origin) = (Rc::clone(parts), aligned("http://localhost:6274"));
    Case::new("proxy/origin", 0, move || parts.origin(black_box(origin)))
}

fn route(parts: &Rc<Parts>) -> Case {
    let (parts, path) = (Rc::clone(parts), aligned("/mcp/github"));
    Case::new("proxy/route", 0, move || parts.route(black_box(path)))
}

fn caller(parts: &Rc<Parts>) -> Case {
    let (parts, id) = (Rc::clone(parts), agent_id("claude"));
    Case::new("proxy/caller", 0, move || parts.caller(black_box(id)) == Some(id))
}

fn pool(parts: &Rc<Parts>) -> Case {
    let parts = Rc::clone(parts);
    Case::new("proxy/pool", 0, move || parts.lend())
}

/// The destination of a CONNECT, and the agent's rules: the last one allows it.
fn forward(parts: &Rc<Parts>) -> Case {
    let (parts, input) = (Rc::clone(parts), aligned(inputs::CONNECT));
    let mut head = RequestHead::new();
    let _ = head.parse(input, &HeadLimits::default());
    let agent = parts.agent(agent_id("claude")).cloned();
    Case::new("proxy/forward", 0, move || {
        agent.as_ref().is_some_and(|agent| parts.forward(agent, &head, black_box(input)))
    })
    // The name in lower case.
    .allocates(1)
}
