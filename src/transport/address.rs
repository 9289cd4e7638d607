//! The address of a client, which only proxies that are configured may say anything about. It may
//! not know what the address is used for.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Proxies in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client's address: the peer's, or, as long as that is a proxy, the one that it names; that
    /// is the right-most in `X-Forwarded-For` that is no proxy. What stands further left is the
    /// client's own word.
    pub fn client_address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut address = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        while self.trusts(address) {
            let Some(next) = hops.next().and_then(parse) else {
                break;
            };
            address = next;
        }
        address
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, with or without a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop
        .parse()
        .or_else(|_| hop.parse().map(|it: std::net::SocketAddr| it.ip()))
        .or_else(|_| hop.trim_matches(['[', ']']).parse())
        .ok()?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(proxies: &[&str], forwarded: &[&str], peer: &str) -> String {
        let networks = proxies.iter().map(|it| it.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        TrustedProxies::new(networks)
            .client_address(&headers, peer.parse().unwrap())
            .to_string()
    }

    #[test]
    fn nobody_is_believed_unless_configured() {
        assert_eq!(seen(&[], &["203.0.113.9"], "192.0.2.1"), "192.0.2.1");
        assert_eq!(
            seen(&["10.0.0.0/8"], &["203.0.113.9"], "192.0.2.1"),
            "192.0.2.1"
        );
        assert_eq!(seen(&[], &[], "::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn the_right_most_hop_that_is_no_proxy_is_the_client() {
        let proxies = &["10.0.0.0/8", "fd00::/8"];
        for (forwarded, client) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (&["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::9]:4711"], "2001:db8::9"),
            (&["[2001:db8::9]"], "2001:db8::9"),
            (&["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            (&["nonsense, 10.0.0.8"], "10.0.0.8"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(
                seen(proxies, forwarded, "10.0.0.1"),
                client,
                "{forwarded:?}"
            );
        }
    }
}
