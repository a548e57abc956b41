//! From a destination to a connection: resolve once, check, connect to what was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use penstock_config::Agent;

use super::destination::Host;
use super::refused::Refused;
use super::{Errand, address, allow};
use crate::io::Conn;
use crate::shard::Shard;
use crate::upstream::dial;

/// How long a connection may take to be made, over all addresses of a name.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the errand's destination.
pub(super) async fn connect(
    shard: &Rc<Shard>,
    agent: &Agent,
    errand: &mut Errand,
) -> Result<Conn, Refused> {
    let addresses = match &errand.to.host {
        Host::Address(address) => vec![SocketAddr::new(*address, errand.to.port)],
        Host::Name(host) => {
            let answer = shard.forward.names.resolve(shard, host).await;
            let resolved = answer.map_err(|why| Refused::Resolve {
                host: host.clone(),
                why: why.as_ref().to_owned(),
            })?;
            checked(agent, errand, host, &resolved)?
        }
    };
    let (limit, stagger) = (shard.timers.timer(), shard.timers.timer());
    let to = || errand.to.to_string();
    let (conn, there, here) = match limit.within(CONNECT_TIMEOUT, dial(&addresses, &stagger)).await
    {
        Ok(Ok(dialled)) => dialled,
        Ok(Err(error)) => return Err(Refused::Connect { to: to(), error }),
        Err(_) => return Err(Refused::Slow { to: to(), seconds: CONNECT_TIMEOUT.as_secs() }),
    };
    errand.address = Some(there);
    if there.ip() == here.ip() {
        permitted(agent, errand, there, Some(OWN))?;
    }
    Ok(conn)
}

/// Those of a name's addresses that may be connected to.
fn checked(
    agent: &Agent,
    errand: &Errand,
    host: &str,
    resolved: &[IpAddr],
) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let mut addresses = Vec::new();
    for ip in resolved {
        let address = SocketAddr::new(*ip, errand.to.port);
        let special = address::special(*ip).or_else(|| is_own(*ip).then_some(OWN));
        match permitted(agent, errand, address, special) {
            Ok(()) => addresses.push(address),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    match refused {
        Some(why) if addresses.is_empty() => Err(why),
        _ if addresses.is_empty() => {
            Err(Refused::Resolve { host: host.to_owned(), why: "it has no address".into() })
        }
        _ => Ok(addresses),
    }
}

/// What a public address may be besides.
const OWN: &str = "this host's own";

/// Whether it is an address of this host's: such a one can be bound to. To a second address of an
/// interface the kernel connects from the first, so that the ends of a connection do not tell.
fn is_own(ip: IpAddr) -> bool {
    let binds = |ip: IpAddr| UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok();
    // With ip_nonlocal_bind any can, and the ends of the connection have to do.
    let anywhere: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    binds(ip) && !binds(anywhere)
}

/// Whether an address may be connected to, though it is something special.
fn permitted(
    agent: &Agent,
    errand: &Errand,
    address: SocketAddr,
    special: Option<&'static str>,
) -> Result<(), Refused> {
    match special {
        Some(what) if !allow::address(&agent.forward, address) => Err(Refused::Address {
            agent: agent.name.clone(),
            host: errand.to.host.to_string(),
            address,
            what,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_this_host_is_its_own_and_no_other() {
        // Connected to from 127.0.0.1.
        assert!(is_own([127, 0, 0, 2].into()));
        assert!(is_own(Ipv6Addr::LOCALHOST.into()));
        assert!(!is_own([192, 0, 2, 7].into()));
        assert!(!is_own(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into()));
    }
}
