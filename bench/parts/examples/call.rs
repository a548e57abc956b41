//! `tools/call` after `tools/call` through one shard, one at a time, all of it in this process: to be
//! run under callgrind, where each thread has a profile of its own.
//!
//! `cargo run --release --package penstock-bench-parts --example call -- CALLS ANSWER_BYTES`
//!
//! On epoll, which runs under valgrind where io_uring does not. With one call at a time everything
//! happens in the same order every time, so that the shard's instructions repeat.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::spawn;

use anyhow::{Context as _, Result, anyhow, ensure};
use penstock_bench_parts::inputs::{ANSWER, CALL, REQUEST};
use penstock_config::{Bind, System};
use penstock_proxy::{Addresses, Engine, Inside, Proxy, World};

fn main() -> Result<()> {
    let numbers: Vec<usize> =
        std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [calls, bytes] = numbers[..] else {
        return Err(anyhow!("say how many calls, and how many bytes an answer has"));
    };
    let head = ANSWER.replace("Content-Length: 4096", &format!("Content-Length: {bytes}"));
    let answer = head + &"x".repeat(bytes);
    let upstream = TcpListener::bind("127.0.0.1:0")?;
    let address = upstream.local_addr()?;
    let said = answer.clone();
    // It ends with the process.
    spawn(move || serve(&upstream, said.as_bytes()));

    let directory = tempfile::tempdir()?;
    let proxy = proxy(address, directory.path())?;
    let shard = proxy.addresses.first().copied().flatten().context("the shard has no address")?;
    let done = call(shard, calls, &answer);
    proxy.quit();
    proxy.join()?;
    done
}

/// A shard with one server.
fn proxy(upstream: SocketAddr, directory: &Path) -> Result<Proxy> {
    let text = format!(
        "shards: 1\n\
         listeners: [{{ name: mcp, address: 127.0.0.1:1 }}]\n\
         upstreams: {{ github: {{ url: 'http://{upstream}/mcp' }} }}\n\
         servers: {{ github: github }}\n"
    );
    let loaded = penstock_config::parse(&text, &directory.join("bench.yaml"), &System);
    let mut snapshot =
        loaded.map_err(|problems| anyhow!("the configuration is wrong: {problems:?}"))?.snapshot;
    // The file takes no port 0, which is any free one.
    for listener in &mut snapshot.listeners {
        listener.bind = Bind::Tcp(([127, 0, 0, 1], 0).into());
    }
    let inside = Inside { control: directory.join("control"), front: directory.join("front") };
    let world = World::new(snapshot, &inside, &[], &mut |host, _| Addresses::unresolved(host))?;
    Ok(Proxy::start(world, &Engine::Epoll("a bench".into()), None)?)
}

fn call(shard: SocketAddr, calls: usize, answer: &str) -> Result<()> {
    let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    let request = format!("{REQUEST}{CALL}");
    let mut stream = TcpStream::connect(shard)?;
    stream.set_nodelay(true)?;
    let (mut got, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    for _ in 0..calls {
        stream.write_all(request.as_bytes())?;
        got.clear();
        while !is_whole(&got, body.len()) {
            let read = stream.read(&mut piece)?;
            ensure!(read > 0, "the shard closed the connection");
            got.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
        ensure!(got.starts_with(b"HTTP/1.1 200 ") && got.ends_with(body.as_bytes()), "no success");
    }
    Ok(())
}

/// Whether a head is there and `body` bytes behind it.
fn is_whole(got: &[u8], body: usize) -> bool {
    let end = got.windows(4).position(|four| four == b"\r\n\r\n");
    end.is_some_and(|end| got.len() >= end + 4 + body)
}

/// Answers one connection's requests, each known by its body's end.
fn serve(upstream: &TcpListener, answer: &[u8]) -> Result<()> {
    let (mut stream, _) = upstream.accept()?;
    stream.set_nodelay(true)?;
    let (mut got, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        got.extend_from_slice(piece.get(..read).unwrap_or_default());
        if got.ends_with(CALL.as_bytes()) {
            got.clear();
            stream.write_all(answer)?;
        }
    }
}
