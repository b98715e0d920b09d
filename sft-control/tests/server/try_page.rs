//! The page for trying the server out: there only when asked for, complete, and closed to everything from elsewhere.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{Server, config, connect, status};

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let lines = response.split("\r\n\r\n").next()?.lines();
    let mut fields = lines.filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// What stands between two marks, wherever they occur.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// The files below `/try/` that a file of the page names.
fn references(text: &str) -> Vec<String> {
    let of_html = ["src=\"try/", "href=\"try/"].into_iter().flat_map(|mark| between(text, mark, "\""));
    let of_scripts = ["from './", "new URL('"].into_iter().flat_map(|mark| between(text, mark, "'"));
    of_html
        .chain(of_scripts)
        .filter(|name| name.contains('.') && *name != ".")
        .map(ToOwned::to_owned)
        .collect()
}

fn kind_of(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "unknown",
    }
}

#[test]
fn every_file_that_the_page_names_is_served_and_there_is_no_other() {
    let server = Server::start_with_try_page(config());
    let page = server.get("/try");
    assert_eq!(status(&page), "200", "{page}");
    assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"));
    let mut named = BTreeSet::from(["index.html".to_owned()]);
    let mut waiting = references(body(&page));
    while let Some(name) = waiting.pop() {
        if named.insert(name.clone()) {
            let file = server.get(&format!("/try/{name}"));
            assert_eq!(status(&file), "200", "{name}");
            assert_eq!(header(&file, "content-type"), Some(kind_of(&name)), "{name}");
            waiting.extend(references(body(&file)));
        }
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/try_page");
    let files = fs::read_dir(directory).unwrap();
    let there: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(named, there);
    // Named is not enough: a browser takes a style only from a link that says what it is.
    let styles = there.iter().filter(|name| name.ends_with(".css"));
    let expected: BTreeSet<_> = styles.map(|name| format!("try/{name}")).collect();
    let linked = between(body(&page), "<link rel=\"stylesheet\" href=\"", "\"");
    assert_eq!(linked.into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn nothing_from_elsewhere_runs_in_the_page() {
    let server = Server::start_with_try_page(config());
    for path in ["/", "/try", "/try/", "/try/main.js", "/try/style.css", "/try/none", "/try/lane/none"] {
        let response = server.get(path);
        let policy = header(&response, "content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&response, "referrer-policy"), Some("no-referrer"), "{path}");
    }
    // The policy would keep these from running: the page would be broken.
    let page = server.get("/try");
    assert!(!body(&page).contains("<style") && !body(&page).contains(" style="));
    assert_eq!(between(&page, "<script", ">"), [" type=\"module\" src=\"try/main.js\""]);
}

#[test]
fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let server = Server::start_with_try_page(config());
    let first = server.get("/try/main.js");
    assert_eq!(header(&first, "cache-control"), Some("no-cache"));
    let tag = header(&first, "etag").unwrap();
    let ask = |tag: &str| {
        let request = format!(
            "GET /try/main.js HTTP/1.1\r\nhost: sft\r\nconnection: close\r\nif-none-match: {tag}\r\n\r\n"
        );
        server.exchange(request.as_bytes())
    };
    let known = ask(tag);
    assert_eq!((status(&known), body(&known)), ("304", ""));
    assert_eq!(status(&ask("\"another\"")), "200");
}

#[test]
fn roads_to_the_page_and_past_it() {
    let server = Server::start_with_try_page(config());
    for (path, to) in [("/", "try"), ("/try/", "../try")] {
        let response = server.get(path);
        assert_eq!((status(&response), header(&response, "location")), ("307", Some(to)), "{path}");
    }
    for path in ["/try/none.js", "/try/../main.js", "/try/index.html", "/try/main.js/"] {
        assert_eq!(status(&server.get(path)), "404", "{path}");
    }
    let posted = server.post("/try", "");
    assert_eq!((status(&posted), header(&posted, "allow")), ("405", Some("GET, HEAD")));
    // The join is as it was.
    assert_eq!(status(&server.get("/sft/status")), "200");
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    assert_eq!(status(&server.get("/tryout")), "400");
}

#[test]
fn the_lane_of_a_call_is_told_and_nothing_else() {
    let server = Server::start_with_try_page(config());
    assert_eq!(status(&server.get("/try/lane/one")), "404");
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    let response = server.get("/try/lane/one");
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    let document: serde_json::Value = serde_json::from_str(body(&response)).unwrap();
    let expected = serde_json::json!({ "lane": "user", "reason": "asked for with --dataplane userspace" });
    assert_eq!(document, expected);
}

#[test]
fn without_being_asked_for_it_is_not_there() {
    let server = Server::start(config());
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    for path in ["/", "/try", "/try/", "/try/main.js", "/try/lane/one"] {
        let response = server.get(path);
        assert_eq!(status(&response), "400", "{path}");
        assert_eq!(header(&response, "content-security-policy"), None, "{path}");
    }
}
