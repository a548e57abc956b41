//! Processes that have something open before they are confined, or are handed it, and use it when
//! they are told to.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::packets::Datagram4;
use super::{TOKEN, Tried, WAIT, at, tcp, udp, unknown};
use crate::places::{ALLOWED, HOST4};
use crate::sys;

pub(crate) fn run(words: &[&str]) -> Tried {
    match words {
        ["tcp", how, to] => connection(how, address(to)?),
        ["udp", to] => {
            let mut socket = udp::datagram(address(to)?)?;
            socket.connect(&address(to)?.into()).map_err(at("connect"))?;
            wait()?;
            socket.write_all(TOKEN).map_err(at("send"))?;
            socket.read(&mut [0; 64]).map(drop).map_err(at("receive"))
        }
        ["raw", to] => raw(address(to)?),
        ["listen"] => listen(),
        ["loop", to] => connect_again_and_again(address(to)?),
        ["passed"] => {
            let through = UnixStream::from(sys::inherited(0));
            let socket = sys::receive_descriptor(&through).map_err(at("receive"))?;
            tcp::talk(Socket::from(socket))
        }
        ["inherited"] => tcp::talk(Socket::from(sys::inherited(0))),
        ["accepts"] => {
            let (connection, _) = Socket::from(sys::inherited(0)).accept().map_err(at("accept"))?;
            tcp::talk(connection)
        }
        // Connects, and stays until told.
        ["stay", to] => {
            let socket = tcp::stream(address(to)?)?;
            // So that its end leaves nothing that keeps its addresses.
            socket.set_linger(Some(std::time::Duration::ZERO)).map_err(at("option"))?;
            socket.connect(&address(to)?.into()).map_err(at("connect"))?;
            wait()
        }
        ["flood", count, to] => flood(count.parse().map_err(|_| unknown())?, address(to)?),
        ["repeat", count, to] => {
            let (to, socket) = (address(to)?, udp::datagram(address(to)?)?);
            for _ in 0..count.parse().map_err(|_| unknown())? {
                must_be_refused(socket.send_to(TOKEN, &to.into()))?;
            }
            Ok(())
        }
        ["churn", count, to] => {
            for _ in 0..count.parse().map_err(|_| unknown())? {
                let socket = tcp::stream(address(to)?)?;
                // Without TIME_WAIT, of which there would be too many.
                socket.set_linger(Some(std::time::Duration::ZERO)).map_err(at("option"))?;
                socket.connect(&address(to)?.into()).map_err(at("connect"))?;
            }
            Ok(())
        }
        _ => Err(unknown()),
    }
}

fn address(text: &str) -> Result<SocketAddr, super::Failure> {
    text.parse().map_err(|_| unknown())
}

/// Says that all is ready, and waits for a line.
fn wait() -> Tried {
    println!("ready");
    io::stdin().read_line(&mut String::new()).map(drop).map_err(at("wait"))
}

/// A connection that works, and then what is sent on it.
fn connection(how: &str, to: SocketAddr) -> Tried {
    let mut socket = tcp::stream(to)?;
    socket.connect_timeout(&to.into(), WAIT).map_err(at("connect"))?;
    socket.set_read_timeout(Some(WAIT)).map_err(at("option"))?;
    socket.write_all(TOKEN).map_err(at("send"))?;
    socket.read_exact(&mut [0; TOKEN.len()]).map_err(at("receive"))?;
    wait()?;
    match how {
        "write" => socket.write_all(TOKEN).map_err(at("send"))?,
        "zerocopy" => {
            sys::set_number(&socket, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)
                .map_err(at("option"))?;
            socket.send_with_flags(TOKEN, libc::MSG_ZEROCOPY).map_err(at("send"))?;
        }
        "urgent" => {
            socket.send_out_of_band(TOKEN).map_err(at("send"))?;
        }
        "sendfile" => {
            let file = File::open("/proc/self/exe").map_err(at("open"))?;
            sys::sendfile(&socket, &file, 64).map_err(at("send"))?;
        }
        "splice" => {
            let (read, write) = io::pipe().map_err(at("pipe"))?;
            sys::vmsplice(&write, TOKEN).map_err(at("vmsplice"))?;
            sys::splice(&read, &socket, TOKEN.len()).map_err(at("send"))?;
        }
        "shutdown" => socket.shutdown(std::net::Shutdown::Write).map_err(at("send"))?,
        "reset" => {
            socket.set_linger(Some(std::time::Duration::ZERO)).map_err(at("option"))?;
            drop(socket);
            return Err(super::Failure { step: "receive", errno: libc::ETIMEDOUT });
        }
        _ => return Err(unknown()),
    }
    socket.read_exact(&mut [0; TOKEN.len()]).map_err(at("receive"))
}

/// A raw socket from before, of the kind that can no longer be made.
fn raw(to: SocketAddr) -> Tried {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(libc::IPPROTO_RAW.into()))
        .map_err(at("socket"))?;
    let std::net::IpAddr::V4(ip) = to.ip() else { return Err(unknown()) };
    let datagram = |fragment, protocol, options: &[u8]| Datagram4 {
        from: HOST4,
        to: ip,
        port: to.port(),
        protocol,
        fragment,
        options: options.to_vec(),
    };
    wait()?;
    let mut answer = Ok(());
    for packet in [
        datagram(0, 17, &[]),
        datagram(0, 6, &[]),
        datagram(0x2000, 17, &[]),
        datagram(0x0040, 17, &[]),
        datagram(0, 17, &[1, 1, 1, 0]),
        datagram(0, 4, &[]),
        datagram(0, 47, &[]),
        datagram(0, 50, &[]),
        datagram(0, 132, &[]),
    ] {
        let to = SocketAddr::from((ip, 0));
        answer = socket.send_to(&packet.bytes(), &to.into()).map(drop).map_err(at("send"));
        if answer.is_ok() {
            return answer;
        }
    }
    answer
}

/// One message to each of many destinations.
fn flood(count: u16, to: SocketAddr) -> Tried {
    let socket = udp::datagram(to)?;
    for port in (1..=count).filter(|port| *port != ALLOWED) {
        must_be_refused(socket.send_to(TOKEN, &SocketAddr::new(to.ip(), port).into()))?;
    }
    Ok(())
}

fn must_be_refused(went: io::Result<usize>) -> Tried {
    match went {
        Ok(_) => Err(super::Failure { step: "passed", errno: 0 }),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        Err(error) => Err(at("send")(error)),
    }
}

/// Listens without `bind`: the kernel finds a port, which is told. Then says whether anybody came.
fn listen() -> Tried {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(at("socket"))?;
    socket.listen(8).map_err(at("listen"))?;
    let name = socket.local_addr().map_err(at("name"))?;
    println!("{}", name.as_socket().map_or(0, |name| name.port()));
    socket.set_read_timeout(Some(WAIT * 6)).map_err(at("option"))?;
    let (connection, _) = socket.accept().map_err(at("accept"))?;
    connection.set_read_timeout(Some(WAIT * 2)).map_err(at("option"))?;
    (&connection).read_exact(&mut [0; TOKEN.len()]).map_err(at("receive"))
}

/// Connects until told to stop, and tells how often it went one way and the other.
fn connect_again_and_again(to: SocketAddr) -> Tried {
    let (mut done, mut refused, mut other) = (0_u64, 0_u64, 0_u64);
    let stop = io::stdin();
    println!("ready");
    let stopped = std::thread::spawn(move || stop.read_line(&mut String::new()).map(drop));
    let started = Instant::now();
    while !stopped.is_finished() && started.elapsed().as_secs() < 60 {
        let socket = tcp::stream(to)?;
        socket.set_linger(Some(std::time::Duration::ZERO)).map_err(at("option"))?;
        match socket.connect_timeout(&to.into(), WAIT) {
            // Accepted, or else those that wait for it were soon too many.
            Ok(()) if tcp::talk(socket).is_ok() => done += 1,
            Ok(()) => other += 1,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => refused += 1,
            Err(_) => other += 1,
        }
    }
    println!("{done} {refused} {other}");
    Ok(())
}
