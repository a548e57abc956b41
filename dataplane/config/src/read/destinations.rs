//! What an agent may reach: directly, and through a forward listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::agents::{EgressRule, ForwardRule, HostPattern, Transport};
use crate::context::Text;
use crate::fields::Fields;
use crate::url::{Host, UrlError, host_and_port};

/// Rules of each kind that an agent may have: as many more than any needs as the kernel's maps hold.
const RULES_MAX: usize = 1024;

/// A network of this prefix or a shorter one is most of the internet; all of IPv6 in use is `2000::/3`.
const WIDE_PREFIX: u8 = 3;

/// Where clouds hand out the credentials of the host: most of them, Alibaba, and AWS over IPv6.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 addresses as IPv6 addresses (RFC 4291 section 2.5.5.2); the kernel knows them by these.
const MAPPED: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);

/// The rules of `egress`.
pub(super) fn egress(fields: &Fields<'_>) -> Vec<EgressRule> {
    let rules = rules(fields, "egress", egress_rule);
    for (text, rule) in &rules {
        let (danger, help) = match danger(rule) {
            Some(Danger::Wide) => (
                "lets the agent past penstock to most of the internet",
                "list the networks that it needs, or the hosts under `forward`",
            ),
            Some(Danger::Loopback) => (
                "opens more than one service of this host, other proxies perhaps among them",
                "write the address and the port of each that it needs, as in tcp 127.0.0.1:5432",
            ),
            Some(Danger::Metadata) => (METADATA_DANGER, METADATA_HELP),
            None => continue,
        };
        let message = format!("`{}` {} {danger}", fields.named("egress"), text.shown());
        fields.cx.warn(&text.span, message, help);
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}

/// The rules of `forward`.
pub(super) fn forward(fields: &Fields<'_>) -> Vec<ForwardRule> {
    let rules = rules(fields, "forward", forward_rule);
    for (text, rule) in &rules {
        let (danger, help) = match &rule.host {
            HostPattern::Address(address) if METADATA.contains(address) => {
                (METADATA_DANGER, METADATA_HELP)
            }
            HostPattern::Address(address) if address.is_loopback() => (
                "is asked for directly by programs that go by NO_PROXY",
                "write it under `egress`, as in tcp 127.0.0.1:5432; keep it here for those that are told the \
                 proxy",
            ),
            HostPattern::Below(name) if !name.contains('.') => (
                "allows every name of a top-level domain",
                "list the hosts, or a domain as in *.example.com:443",
            ),
            _ => continue,
        };
        let message = format!("`{}` {} {danger}", fields.named("forward"), text.shown());
        fields.cx.warn(&text.span, message, help);
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}

const METADATA_DANGER: &str = "reaches where a cloud hands out the credentials of this host";
const METADATA_HELP: &str = "leave it out: the agent could then act as this host";

/// The rules at `key`; those that are wrong are reported and left out.
fn rules<T>(
    fields: &Fields<'_>,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<(Text, T)> {
    let texts = fields.texts(key).unwrap_or_default();
    let what = fields.named(key);
    if texts.len() > RULES_MAX {
        let message = format!("`{what}` holds {} rules", texts.len());
        let help = format!("write at most {RULES_MAX}: a network or a `*.` holds for many hosts");
        fields.cx.error(&fields.key_span(key), message, &help);
        return Vec::new();
    }
    let rule = |text: Text| match parse(&text.value) {
        Ok(rule) => Some((text, rule)),
        Err(_) if text.value.contains('@') => {
            let message = format!("`{what}` holds a user name or a password");
            fields.cx.error_unseen(&text.span, message, "write the host and the port alone");
            None
        }
        Err(help) => {
            fields.cx.reject(&text, format!("`{what}` cannot hold {}", text.shown()), &help);
            None
        }
    };
    texts.into_iter().filter_map(rule).collect()
}

/// `PROTOCOL ADDRESS[/PREFIX]:PORT`, or what to write instead.
fn egress_rule(written: &str) -> Result<EgressRule, String> {
    let form = || "write PROTOCOL ADDRESS[/PREFIX]:PORT, as in tcp 10.0.0.0/8:5432".to_owned();
    if let Some(rule) = joined(written) {
        return Err(format!("write {rule}"));
    }
    if written.contains("://") {
        return Err("the kernel knows addresses only: write HOST:PORT under `forward`".to_owned());
    }
    let words: Vec<_> = written.split_whitespace().collect();
    let (protocol, destination) = match words[..] {
        ["tcp", destination] => (Transport::Tcp, destination),
        ["udp", destination] => (Transport::Udp, destination),
        [protocol, destination] if ["tcp", "udp"].contains(&&*protocol.to_ascii_lowercase()) => {
            return Err(format!("write {} {destination}", protocol.to_ascii_lowercase()));
        }
        [_, _] => return Err("begin it with `tcp` or `udp`: nothing else leaves".to_owned()),
        [destination] => {
            return Err(format!("begin it with `tcp` or `udp`, as in tcp {destination}"));
        }
        _ => return Err(form()),
    };
    let (host, prefix, port) = taken_apart(destination).ok_or_else(form)?;
    let address = address(protocol, host, port, destination)?;
    let whole = whole(address);
    let prefix = match prefix {
        None => whole,
        Some(digits) => number(digits).filter(|prefix| *prefix <= whole).ok_or_else(|| {
            format!("write the length of the prefix as a number from 0 to {whole}")
        })?,
    };
    let port = match port {
        Some("*") => None,
        Some(digits) => Some(
            number(digits)
                .filter(|port| *port != 0)
                .ok_or_else(|| "write one port from 1 to 65535, or `*` for any".to_owned())?,
        ),
        None => return Err(format!("add a port, or `*` for any: {protocol} {destination}:*")),
    };
    let rule = EgressRule { address: first(address, prefix), prefix, port, protocol };
    if let Some(instead) = meant(&rule, address) {
        return Err(instead);
    }
    Ok(rule)
}

/// The rule of `tcp:ADDRESS:PORT`, `tcp://ADDRESS:PORT` and the like.
fn joined(written: &str) -> Option<EgressRule> {
    let (protocol, rest) = written.split_at_checked(3)?;
    let destination = rest.strip_prefix("://").or_else(|| rest.strip_prefix([':', '/']))?;
    egress_rule(&format!("{} {destination}", protocol.to_ascii_lowercase())).ok()
}

/// Host, prefix and port of a destination.
fn taken_apart(destination: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    // The brackets stay with the host: they say which family is meant.
    let end = match destination.find(']') {
        Some(bracket) if destination.starts_with('[') => bracket + 1,
        _ => destination.find(['/', ':']).unwrap_or(destination.len()),
    };
    let (host, rest) = destination.split_at_checked(end)?;
    let (prefix, port) = match (rest.strip_prefix('/'), rest.split_once(':')) {
        (Some(rest), None) => (Some(rest), None),
        (Some(rest), Some((_, port))) => (rest.split(':').next(), Some(port)),
        (None, Some(("", port))) => (None, Some(port)),
        (None, None) if rest.is_empty() => (None, None),
        (None, _) => return None,
    };
    Some((host, prefix, port))
}

/// The address that `host` is, or what to write instead.
fn address(
    protocol: Transport,
    host: &str,
    port: Option<&str>,
    destination: &str,
) -> Result<IpAddr, String> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = port.unwrap_or("443");
    match (inner, inner.unwrap_or(host).parse()) {
        (Some(_), Ok(IpAddr::V4(address))) => {
            return Err(format!("an IPv4 address has no brackets: {protocol} {address}:{port}"));
        }
        (_, Ok(address)) => return Ok(address),
        (..) => {}
    }
    if !destination.starts_with('[') && destination.matches(':').count() > 1 {
        return Err(
            "put an IPv6 address between brackets, as in tcp [2001:db8::]/32:443".to_owned()
        );
    }
    Err(match host_and_port(host) {
        _ if host == "*" => {
            format!("write {protocol} 0.0.0.0/0:{port}, and {protocol} [2000::]/3:{port} for IPv6")
        }
        Ok((Host::Name(name), None)) if is_localhost(&name) => {
            format!("write an address: {protocol} 127.0.0.1:{port}")
        }
        Ok((Host::Name(name), None)) => {
            format!("the kernel knows addresses only: write {name}:{port} under `forward`")
        }
        _ => "write an IPv4 address, or an IPv6 address between brackets".to_owned(),
    })
}

/// What was probably meant by a rule that, as it stands, holds for something else.
fn meant(rule: &EgressRule, written: IpAddr) -> Option<String> {
    let EgressRule { address, prefix, .. } = *rule;
    let of = |address: IpAddr, prefix| EgressRule { address, prefix, ..rule.clone() };
    if address != written {
        return Some(format!("bits of the address are set behind the prefix: write {rule}"));
    }
    let nowhere = address.is_unspecified() && prefix == whole(address);
    match address {
        IpAddr::V4(_) if nowhere => {
            Some(format!("no packet goes there: write {} for any address", of(address, 0)))
        }
        IpAddr::V6(inner) if inner.to_ipv4_mapped().is_some() && prefix >= 96 => {
            let address = inner.to_ipv4_mapped()?.into();
            Some(format!("write the IPv4 address that it stands for: {}", of(address, prefix - 96)))
        }
        IpAddr::V6(_) if nowhere || contains(rule, MAPPED.into()) => {
            let internet = of(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3);
            let why = if nowhere {
                "no packet goes there"
            } else {
                "every IPv4 address is in it, as ::ffff:a.b.c.d"
            };
            Some(format!("{why}: write {internet} for any IPv6 address"))
        }
        _ => None,
    }
}

enum Danger {
    Wide,
    Loopback,
    Metadata,
}

/// By what a rule opens a way past penstock that its author may not have meant.
fn danger(rule: &EgressRule) -> Option<Danger> {
    let loopback =
        EgressRule { prefix: 8, address: Ipv4Addr::new(127, 0, 0, 0).into(), ..rule.clone() };
    let is_one = rule.port.is_some() && rule.prefix == whole(rule.address);
    if rule.prefix <= WIDE_PREFIX {
        Some(Danger::Wide)
    } else if METADATA.iter().any(|address| contains(rule, *address)) {
        Some(Danger::Metadata)
    } else if !is_one
        && (contains(&loopback, rule.address)
            || contains(rule, loopback.address)
            || contains(rule, Ipv6Addr::LOCALHOST.into()))
    {
        Some(Danger::Loopback)
    } else {
        None
    }
}

/// The prefix of a network of one address.
fn whole(address: IpAddr) -> u8 {
    if address.is_ipv6() { 128 } else { 32 }
}

fn contains(rule: &EgressRule, address: IpAddr) -> bool {
    rule.address.is_ipv6() == address.is_ipv6() && first(address, rule.prefix) == rule.address
}

/// The first address of the network that `address` is in.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    let behind = |bits: u8| u32::from(bits.saturating_sub(prefix));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(behind(32)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(behind(128)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// `HOST:PORT`, or what to write instead.
fn forward_rule(written: &str) -> Result<ForwardRule, String> {
    if let Some((scheme, rest)) = written.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
        return Err(match host_and_port(authority) {
            Ok((_, None)) => format!("write the host and the port alone: {authority}:{port}"),
            _ => format!("write the host and the port alone: {authority}"),
        });
    }
    if let Some((authority, rest)) = written.split_once('/') {
        let address = authority.trim_start_matches('[').trim_end_matches(']');
        if address.parse::<IpAddr>().is_ok() && rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(
                "write one host, as in 10.0.0.1:443; a network goes under `egress`, as in \
                        tcp 10.0.0.0/8:443"
                    .to_owned(),
            );
        }
        return Err(format!("a host is allowed as a whole: write {authority}"));
    }
    if let Some((address, port)) = written.rsplit_once(':')
        && address.parse::<Ipv6Addr>().is_ok()
        && let Some(port) = number::<u16>(port).filter(|port| *port != 0)
    {
        return Err(format!("write \"[{address}]:{port}\""));
    }
    if written.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("write \"[{written}]:443\""));
    }
    if written.ends_with(":*") {
        return Err("write the port: a rule is for one".to_owned());
    }
    let (below, host) = match written.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, written),
    };
    if host.contains('*') {
        return Err(
            "list hosts: wildcards only as a whole first label, as in *.example.com:443".to_owned()
        );
    }
    if let Some(instead) = numeric(host) {
        return Err(instead);
    }
    let (host, port) = match host_and_port(host) {
        Ok((host, Some(port))) => (host, port),
        Ok((_, None)) => return Err(format!("add the port: {written}:443")),
        Err(UrlError::Port) => return Err("write a port from 1 to 65535".to_owned()),
        Err(_) if !written.is_ascii() => {
            return Err(
                "write the name as DNS has it, with xn-- before what is not ASCII".to_owned()
            );
        }
        Err(_) => {
            return Err("write HOST:PORT, as in api.example:443, *.example.com:443 or \
                        [2001:db8::1]:443"
                .to_owned());
        }
    };
    let host = match host {
        Host::Address(address) if below => {
            return Err(format!(
                "no name is below an address: write {}:{port}",
                HostPattern::Address(address)
            ));
        }
        Host::Address(address) if !is_one_host(address) => {
            return Err("it is no destination: write the address of a host".to_owned());
        }
        Host::Address(address) if address.to_canonical() != address => {
            return Err(format!(
                "write the IPv4 address that it stands for: {}:{port}",
                address.to_canonical()
            ));
        }
        Host::Address(address) => HostPattern::Address(address),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
            if is_localhost(&name) {
                return Err(format!(
                    "a name must not lead to a loopback address: write 127.0.0.1:{port}"
                ));
            }
            if name.split('.').any(|label| label.ends_with('-')) {
                return Err(
                    "no label of a name ends with a dash: write it as DNS has it".to_owned()
                );
            }
            if below { HostPattern::Below(name) } else { HostPattern::Name(name) }
        }
    };
    Ok(ForwardRule { host, port })
}

fn is_one_host(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// What to write instead of a host that ends in a number without being an address, as `127.1` and
/// `0x7f.1`: some resolvers take it for one, and a listener takes it for nothing.
fn numeric(written: &str) -> Option<String> {
    let (host, port) = written.split_once(':').unwrap_or((written, "443"));
    let port: u16 = number(port).filter(|port| *port != 0)?;
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let last = host.rsplit('.').next().filter(|last| !last.is_empty())?;
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(is_hex);
    if !is_number || host.parse::<Ipv4Addr>().is_ok() {
        return None;
    }
    Some(match dotted(&host) {
        Some(address) if is_one_host(address.into()) => {
            format!("write the address that some take it for: {address}:{port}")
        }
        _ => "a name does not end in a number: write an address, as in 192.0.2.1:443".to_owned(),
    })
}

/// The address that `inet_aton(3)` takes a text for. Not where a part begins with 0, which is octal to
/// some and decimal to others.
fn dotted(text: &str) -> Option<Ipv4Addr> {
    let part = |part: &str| match part.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => None,
        None => number(part),
    };
    let parts = text.split('.').map(part).collect::<Option<Vec<u32>>>()?;
    let (last, bytes) = parts.split_last()?;
    let mut bits: u32 = 0;
    for byte in bytes {
        bits = bits << 8 | u32::from(u8::try_from(*byte).ok()?);
    }
    // The last one fills all bytes that are left.
    let left = u32::try_from(4_usize.checked_sub(bytes.len())?).ok()?.checked_mul(8)?;
    let fits = u64::from(*last).checked_shr(left)? == 0 && left > 0;
    fits.then(|| Ipv4Addr::from_bits(bits.checked_shl(left).unwrap_or(0) | last))
}

/// Names that are loopback addresses wherever they are resolved (RFC 6761 section 6.3).
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// A number without a sign.
fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn egress_rules() -> impl Strategy<Value = EgressRule> {
        let protocol = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
        let port = prop_oneof![Just(None), (1_u16..).prop_map(Some)];
        (any::<IpAddr>(), 0_u8..=128, protocol, port).prop_map(
            |(address, prefix, protocol, port)| {
                let prefix = if address.is_ipv6() { prefix } else { prefix.min(32) };
                EgressRule { address: first(address, prefix), prefix, port, protocol }
            },
        )
    }

    proptest! {
        #[test]
        fn a_rule_reads_back_as_it_is_printed(rule in egress_rules()) {
            // Those that mean another than they say are refused.
            prop_assume!(meant(&rule, rule.address).is_none());
            prop_assert_eq!(egress_rule(&rule.to_string()), Ok(rule));
        }

        #[test]
        fn a_rule_holds_for_every_address_of_its_network_and_no_other(
            rule in egress_rules(),
            address in any::<IpAddr>(),
        ) {
            let bits = |address: IpAddr| match address {
                IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
                IpAddr::V6(address) => address.to_bits(),
            };
            let differ = (bits(rule.address) ^ bits(address)).leading_zeros();
            let expected = rule.address.is_ipv6() == address.is_ipv6() && differ >= u32::from(rule.prefix);
            prop_assert_eq!(contains(&rule, address), expected);
        }

        #[test]
        fn on_any_text_reading_ends(text in "(tcp |udp |)[0-9a-f:.*/\\[\\]@ -]{0,40}") {
            let _ = egress_rule(&text);
            if let Ok(rule) = forward_rule(&text) {
                prop_assert_eq!(forward_rule(&rule.to_string()), Ok(rule));
            }
        }
    }
}
