//! URLs, as far as two of them have to be compared.

use hyper::Uri;

/// An absolute URL without what writes the same place differently: case of scheme and host, the scheme's own
/// port, slashes at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub scheme: String,
    pub host: String,
    pub port: Option<u16>,
    /// With its query; empty for the root.
    pub path: String,
}

impl Place {
    /// `None` if the text is no absolute URL.
    pub fn of(url: &str) -> Option<Place> {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let path = uri.path_and_query().map_or("", |path| path.as_str()).trim_end_matches('/').to_owned();
        Some(Place { scheme, host, port: uri.port_u16().or(usual), path })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn what_leads_to_the_same_place_is_the_same() {
        let same = |a, b| Place::of(a).is_some() && Place::of(a) == Place::of(b);
        let own = "https://sft.example.com/sfts/sftd-0";
        for other in [
            "https://sft.example.com/sfts/sftd-0",
            "https://sft.example.com/sfts/sftd-0/",
            "https://sft.example.com/sfts/sftd-0//",
            "HTTPS://SFT.Example.COM/sfts/sftd-0",
            "https://sft.example.com:443/sfts/sftd-0",
        ] {
            assert!(same(own, other), "{other}");
        }
        for other in [
            "http://sft.example.com/sfts/sftd-0",
            "https://sft.example.com:8443/sfts/sftd-0",
            "https://sft.example.com/sfts/SFTD-0",
            "https://sft.example.com/sfts/sftd-1",
            "https://sft.example.com",
            "https://sft.example.com.evil.example/sfts/sftd-0",
            "https://sft.example.com/sfts/sftd-0?x",
        ] {
            assert!(!same(own, other), "{other}");
        }
        assert!(same("http://[2001:DB8::1]:80", "http://[2001:db8::1]/"));
        assert!(same("http://192.0.2.1:8585", "http://192.0.2.1:8585/"));
        for nothing in ["", "/", "sft.example.com", "sft.example.com/x", "https://", "https:///x", "a b"] {
            assert_eq!(Place::of(nothing), None, "{nothing:?}");
        }
    }
}
