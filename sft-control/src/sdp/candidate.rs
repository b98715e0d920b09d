//! The candidates of an answer that can be used: UDP, component 1, an address in digits.
//!
//! Host names (mDNS) are not resolved and TCP is not spoken: the client's own checks teach its address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sdp_types::Media;

use super::answer::values;

/// Candidates taken at most; str0m pairs no more than 100.
const MOST: usize = 50;

/// Each address once, in the order of the lines.
pub(super) fn usable(media: &Media) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in values(&media.attributes, "candidate").filter_map(address) {
        if found.len() == MOST {
            break;
        }
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `<foundation> <component> <transport> <priority> <address> <port> typ <type> ...` (RFC 8839 section 5.1).
fn address(value: &str) -> Option<SocketAddr> {
    let mut words = value.split_ascii_whitespace();
    let _foundation = words.next()?;
    let component = words.next()?;
    let transport = words.next()?;
    let _priority = words.next()?;
    let address: IpAddr = words.next()?.parse().ok()?;
    let port: u16 = words.next()?.parse().ok()?;
    let is_typed = words.next() == Some("typ") && words.next().is_some();
    let usable = is_typed && component == "1" && transport.eq_ignore_ascii_case("udp") && port != 0;
    (usable && is_one_host(address)).then_some(SocketAddr::new(address, port))
}

fn is_one_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}
