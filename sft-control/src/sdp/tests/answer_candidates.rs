//! Of the candidates those are taken that a UDP socket can reach, and not more than a limit.

use super::*;

fn candidates(lines: &[&str]) -> Vec<String> {
    let text = BROWSER.replacen(
        "a=rtcp-mux\r\n",
        &lines
            .iter()
            .map(|line| format!("a=candidate:{line}\r\n"))
            .chain(["a=rtcp-mux\r\n".into()])
            .collect::<String>(),
        1,
    );
    let answer = parse_answer(&text).unwrap();
    // Behind the two of the fixture.
    answer.candidates[2..].iter().map(ToString::to_string).collect()
}

#[test]
fn both_families_are_taken_and_tcp_is_left_out() {
    let found: Vec<String> =
        parse_answer(CANDIDATES).unwrap().candidates.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["127.0.0.1:47667", "192.0.2.2:37641", "[::1]:50954", "[fd00::2]:47645"]);
}

#[test]
fn host_names_and_other_components_are_left_out() {
    let found = candidates(&[
        "1 1 udp 2113937151 2ab8a3a6-7b5d-4c0e-8f46-0c9a5ff62f53.local 50000 typ host",
        "2 2 udp 2113937150 192.0.2.9 50001 typ host",
        "3 1 UDP 2113937149 192.0.2.9 50002 typ srflx raddr 0.0.0.0 rport 0",
        "4 1 udp 2113937148 fe80::1%eth0 50003 typ host",
    ]);
    assert_eq!(found, ["192.0.2.9:50002"]);
}

#[test]
fn addresses_of_no_single_host_are_left_out() {
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        assert!(candidates(&[&format!("1 1 udp 1 {address} 5000 typ host")]).is_empty(), "{address}");
    }
    assert!(candidates(&["1 1 udp 1 192.0.2.9 0 typ host"]).is_empty());
}

#[test]
fn malformed_ones_are_left_out() {
    for line in
        ["", "1", "1 1 udp 1 192.0.2.9", "1 1 udp 1 192.0.2.9 70000 typ host", "1 1 udp 1 192.0.2.9 5000"]
    {
        assert!(candidates(&[line]).is_empty(), "{line}");
    }
}

#[test]
fn an_address_counts_once() {
    let line = "1 1 udp 1 192.0.2.9 5000 typ host";
    assert_eq!(candidates(&[line, line]), ["192.0.2.9:5000"]);
}

#[test]
fn their_number_is_limited() {
    let lines: Vec<String> = (1..400).map(|port| format!("1 1 udp 1 192.0.2.9 {port} typ host")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(candidates(&lines).len(), 48);
}
