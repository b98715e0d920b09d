//! Command lines of the original and of its chart.

use super::*;
use crate::cli::arguments::{Command, Serve, parse};

/// On a machine with these addresses.
fn translated(line: &str) -> Result<Translated, CliError> {
    let own = |interfaces: &[&str]| {
        let all =
            [("eth0", "10.0.0.5"), ("eth0", "2001:db8::5"), ("eth1", "192.0.2.7"), ("eth1", "2001:db8::7")];
        let named = all.iter().filter(|(name, _)| interfaces.is_empty() || interfaces.contains(name));
        Ok(named.map(|(_, address)| address.parse().unwrap()).collect())
    };
    translate_with(line.split_whitespace().map(OsString::from).collect(), own)
}

fn serve(line: &str) -> Serve {
    let translated = translated(line).unwrap();
    match parse(translated.arguments).unwrap().command {
        Command::Serve(options) => *options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_charts_command_line_starts_this_server() {
    let options = serve(
        "/usr/bin/sftd -I 192.0.2.7 -M 192.0.2.7 -A 198.51.100.9 -T -u https://sft.example.com/sfts/sftd-0 \
         -s /secrets/sftTokenSecret.txt -a",
    );
    assert_eq!(options.http, "192.0.2.7:8585".parse().unwrap());
    assert_eq!(options.metrics, "192.0.2.7:49090".parse().unwrap());
    let media = options.media_addr[0];
    assert_eq!((media.local, media.public), ("192.0.2.7".parse().unwrap(), "198.51.100.9".parse().unwrap()));
    assert_eq!(options.media_addr.len(), 1);
    assert_eq!(options.public_url.as_deref(), Some("https://sft.example.com/sfts/sftd-0"));
    assert_eq!(options.admission.token_secret, Some("/secrets/sftTokenSecret.txt".into()));
    assert!(options.relay);
}

#[test]
fn the_charts_command_line_for_several_domains_does_too() {
    let line = "sftd -I 192.0.2.7 -M 192.0.2.7 -A 198.51.100.9 -t turn:turn.example.com:3478 \
                -s /secrets/zrest_secret.txt -u https://sft.example.com/sfts/sftd-0 -x 1 -c 2 -w 16";
    let options = serve(line);
    assert_eq!(options.admission.token_secret, None);
    let ignored: Vec<char> = translated(line).unwrap().ignored.iter().map(|(flag, _)| *flag).collect();
    assert_eq!(ignored, ['t', 's', 'x', 'c', 'w']);
    let said = translated("sftd -w 16 -k 500").unwrap().ignored().unwrap();
    assert!(said.starts_with("-w, since ") && said.contains("; -k, since "), "{said}");
    assert_eq!(translated("sftd -q").unwrap().ignored(), None);
}

#[test]
fn our_own_options_stay_and_mix_with_them() {
    let options = serve("sft serve --media-port 9000 -p 8080 -qT --dataplane userspace");
    assert_eq!((options.media_port, options.http), (9000, "127.0.0.1:8080".parse().unwrap()));
    assert!(options.quiet && options.relay);
    let other = translated("sft maps -I 1 -a").unwrap();
    assert_eq!(other.arguments, ["sft", "maps", "-I", "1", "-a"]);
}

#[test]
fn listeners_have_addresses_and_ports_in_every_form() {
    let cases = [
        ("-I 192.0.2.7", "192.0.2.7:8585"),
        ("-I192.0.2.7:80", "192.0.2.7:80"),
        ("-I 192.0.2.7:80 -p 81", "192.0.2.7:81"),
        ("-p 81", "127.0.0.1:81"),
        ("-I ::1", "[::1]:8585"),
        ("-I [::1]:80", "[::1]:80"),
        ("-I [::1] -p 81", "[::1]:81"),
    ];
    for (flags, expected) in cases {
        assert_eq!(serve(&format!("sft serve {flags}")).http, expected.parse().unwrap(), "{flags}");
    }
    assert_eq!(serve("sft serve -M ::1 -r 9").metrics, "[::1]:9".parse().unwrap());
}

#[test]
fn media_addresses_follow_interfaces_and_public_addresses() {
    let media = |flags: &str| -> Vec<(String, String)> {
        let options = serve(&format!("sft serve {flags}"));
        options.media_addr.iter().map(|one| (one.local.to_string(), one.public.to_string())).collect()
    };
    let pair = |local: &str, public: &str| (local.to_owned(), public.to_owned());
    assert_eq!(media("-O eth1"), [pair("192.0.2.7", "192.0.2.7"), pair("2001:db8::7", "2001:db8::7")]);
    assert_eq!(media("-A 203.0.113.1"), [pair("10.0.0.5", "203.0.113.1")]);
    assert_eq!(media("-A 203.0.113.1 -O eth1"), [pair("192.0.2.7", "203.0.113.1")]);
    assert_eq!(
        media("-A 203.0.113.1 -B 2001:db8:1::1"),
        [pair("10.0.0.5", "203.0.113.1"), pair("2001:db8::5", "2001:db8:1::1")]
    );
    assert_eq!(
        media("-I [2001:db8::7]:80 -A 2001:db8:1::1"),
        [pair("2001:db8::7", "2001:db8:1::1")],
        "which the join listens on"
    );
    assert_eq!(media("-A 10.0.0.5"), [pair("10.0.0.5", "10.0.0.5")]);
    assert!(media("").is_empty());
}

#[test]
fn what_cannot_be_done_is_said() {
    for (line, expected) in [
        ("sftd -I", "-I takes a value"),
        ("sftd -A nowhere", "is no IP address"),
        ("sftd -qZ", "there is no flag -Z"),
    ] {
        let error = translated(line).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert!(translated("sftd -v").unwrap().version);
}
