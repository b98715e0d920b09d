//! What the metrics listener tells probes and scrapes about draining.

use crate::support::{Server, config, connect, status};

#[test]
fn a_server_is_ready_until_it_drains_and_alive_beyond_that() {
    let server = Server::start(config());
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    assert_eq!(status(&server.get_metrics("/healthz")), "200");
    assert_eq!(status(&server.get_metrics("/readyz")), "200");
    assert!(server.get_metrics("/metrics").contains("\nsft_draining 0\n"));

    server.runtime.block_on(server.engine.drain()).unwrap();
    assert_eq!(status(&server.get_metrics("/healthz")), "200");
    let response = server.get_metrics("/readyz");
    assert_eq!(status(&response), "503", "{response}");
    assert!(response.contains("Draining"), "{response}");
    assert!(server.get_metrics("/metrics").contains("\nsft_draining 1\n"));
}

#[test]
fn a_server_that_has_ended_is_neither() {
    let server = Server::start(config());
    server.runtime.block_on(server.engine.stop());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&server.get_metrics(path)), "503", "{path}");
    }
}

#[test]
fn what_is_not_there_is_a_bad_request() {
    let server = Server::start(config());
    assert_eq!(status(&server.get_metrics("/")), "400");
    assert_eq!(status(&server.get_metrics("/healthz/x")), "400");
}
