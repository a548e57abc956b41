//! From a destination to a connection: resolve once, check, connect to what was checked.

use std::net::{IpAddr, SocketAddr};
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
        // A public address may be this host's own.
        permitted(agent, errand, there, Some("this host's own"))?;
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
        match permitted(agent, errand, address, address::special(*ip)) {
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
