//! TURN servers as clients name them (RFC 7065; sft-protocol.md 3.5).

use std::fmt;

use zeroize::Zeroizing;

use crate::econn::IceServer;

/// RFC 7065 section 3.2.
const PORT: u16 = 3478;

/// Why a server cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    #[error("no `turn:` URL")]
    Scheme,
    #[error("a URL without a host, or with a wrong port")]
    Host,
    #[error("a transport other than udp and tcp")]
    Transport,
}

/// How the server is reached. What it relays is UDP either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// A TURN server and what it wants to hear.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub transport: Transport,
    pub username: String,
    pub credential: Zeroizing<String>,
}

impl fmt::Debug for Server {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn:{}:{} over {:?}", self.host, self.port, self.transport)
    }
}

impl TryFrom<&IceServer> for Server {
    type Error = ServerError;

    fn try_from(server: &IceServer) -> Result<Self, ServerError> {
        let rest = server.url.strip_prefix("turn:").ok_or(ServerError::Scheme)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = match query {
            "" | "transport=udp" => Transport::Udp,
            "transport=tcp" => Transport::Tcp,
            _ => return Err(ServerError::Transport),
        };
        let (host, port) = host_and_port(place).ok_or(ServerError::Host)?;
        Ok(Server {
            host: host.to_owned(),
            port,
            transport,
            username: server.username.clone(),
            credential: server.credential.clone(),
        })
    }
}

/// `host`, `host:port`, `[2001:db8::1]` or `[2001:db8::1]:port`.
fn host_and_port(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0))?;
    (!host.is_empty()).then_some((host, port))
}
