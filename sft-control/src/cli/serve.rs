//! `sft serve`: sockets, threads and signals around the engine.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    sync::Arc,
};

use hyper::{Request, StatusCode, body::Incoming};
use tokio::{
    net::{TcpListener, UnixListener},
    runtime,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use super::{
    CliError,
    arguments::{Admission, MediaArgument, Serve, Web},
    ask,
    reload::Reload,
    secret::{SecretFile, SecretFileError},
};
use crate::{
    core,
    engine::{self, Engine, Handle},
    http::{Answer, Certificate, CertificateError, Cors, Join, Listener, error_page, json},
    metrics,
    netlink::Interfaces,
    relay::Allowed,
    transport::MediaAddress,
};

/// Environment variable that says what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
const LOG_VARIABLE: &str = "SFT_LOG";
/// The TURN client's crates tell every call, with all that is in it.
const QUIET: [&str; 4] = ["turn_client_proto=warn", "turn_types=warn", "stun_proto=warn", "stun_types=warn"];
/// Threads for HTTP; the engine has its own.
const WORKERS: usize = 2;
/// Connections to the metrics listener and to the control socket at a time.
const OPERATORS: usize = 16;

/// Runs the server until it is told to stop. `ignored`: which flags have no effect, and why.
pub(super) fn serve(options: &Serve, ignored: Option<&str>) -> Result<(), CliError> {
    let usual = if options.quiet { "warn" } else { "info" };
    let mut filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(usual));
    for directive in QUIET {
        filter = filter.add_directive(directive.parse()?);
    }
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    if let Some(ignored) = ignored {
        tracing::warn!("without effect: {ignored}");
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(run(options))
}

async fn run(options: &Serve) -> Result<(), CliError> {
    // Before the engine: an address in use must not cost the kernel's programs a reload.
    let join = TcpListener::bind(options.http).await.map_err(on(&options.http))?;
    let scrape = TcpListener::bind(options.metrics).await.map_err(on(&options.metrics))?;
    let control = bind_control(&options.control)?;
    let certificate = certificate(&options.web)?;
    let media = if options.media_addr.is_empty() { reachable()? } else { options.media_addr.clone() };
    let url = options.public_url.clone().unwrap_or_else(|| {
        let scheme = if certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", leads_to(options.http, &media))
    });
    let (secret_file, secret) = secret(&options.admission)?.unzip();
    let reload = Reload::new(certificate.clone(), secret_file)?;
    let (engine, ended) = Engine::start(settings(options, &media, &url, secret)).await?;
    tokio::spawn(reload.run(engine.clone()));

    let cors = Cors::new(options.web.cors_origin.clone());
    let requests = Join::new(engine.clone(), &url, options.limits.max_body, cors);
    let requests = if options.try_page { requests.with_try_page() } else { requests };
    let serve_join = join_listener(join, certificate)?
        .serve(options.limits.max_connections, move |request| requests.clone().respond(request));
    let scraped = engine.clone();
    let serve_metrics =
        Listener::Tcp(scrape).serve(OPERATORS, move |request| metrics::respond(scraped.clone(), request));
    let asked = engine.clone();
    let serve_control =
        Listener::Unix(control).serve(OPERATORS, move |request| answer_control(asked.clone(), request));

    tracing::info!(http = %options.http, metrics = %options.metrics, %url, "serving");
    if options.try_page {
        tracing::info!("to try it out: {}/try", url.trim_end_matches('/'));
    }
    tokio::select! {
        () = serve_join => {}
        () = serve_metrics => {}
        () = serve_control => {}
        result = told_to_stop(&engine) => result?,
        _ = ended => return Err("the engine has ended unexpectedly; its last log lines say why".into()),
    }
    engine.stop().await;
    remove(&options.control);
    tracing::info!("stopped");
    Ok(())
}

fn certificate(options: &Web) -> Result<Option<Arc<Certificate>>, CertificateError> {
    let files = options.tls_cert.as_deref().zip(options.tls_key.as_deref());
    files.map(|(chain, key)| Certificate::load(chain, key)).transpose()
}

fn join_listener(listener: TcpListener, certificate: Option<Arc<Certificate>>) -> Result<Listener, CliError> {
    Ok(match certificate {
        Some(certificate) => Listener::Tls(listener, certificate.acceptor()?),
        None => Listener::Tcp(listener),
    })
}

fn secret(options: &Admission) -> Result<Option<(SecretFile, core::Secret)>, SecretFileError> {
    options.token_secret.as_deref().map(SecretFile::load).transpose()
}

/// What clients may connect to for a listener. One on all addresses is also at those of media, of its own family
/// unless it has both.
fn leads_to(listener: SocketAddr, media: &[MediaArgument]) -> SocketAddr {
    let fits = |address: &IpAddr| listener.is_ipv6() || address.is_ipv4();
    let public = media.iter().map(|address| address.public).find(fits);
    let unspecified = listener.ip().is_unspecified();
    SocketAddr::new(public.filter(|_| unspecified).unwrap_or(listener.ip()), listener.port())
}

fn settings(
    options: &Serve,
    media: &[MediaArgument],
    url: &str,
    secret: Option<core::Secret>,
) -> engine::Settings {
    let port = options.media_port;
    let media = media.iter().map(|address| MediaAddress {
        local: SocketAddr::new(address.local, port),
        advertised: SocketAddr::new(address.public, port),
    });
    engine::Settings {
        media: media.collect(),
        interfaces: options.interface.clone(),
        mode: options.dataplane,
        pin_dir: options.pin_dir.clone(),
        keystream: u64::from(options.keystream_memory) << 20,
        relay: options.relay.then(|| Allowed::new(options.relay_allow.clone())),
        core: core::Config {
            public_url: url.to_owned(),
            max_conferences: options.limits.max_conferences,
            max_legs: options.limits.max_legs,
            max_conference_legs: options.limits.max_conference_legs.into(),
            max_messages_per_second: options.limits.max_messages,
            imitate_original: options.imitate_original,
            admission: admission(&options.admission, secret),
        },
    }
}

fn admission(options: &Admission, secret: Option<core::Secret>) -> core::Policy {
    core::Policy {
        secret,
        tokenless_joins: options.allow_tokenless_joins,
        max_token_legs: options.max_token_legs,
        blacklist: options.blacklist.clone().unwrap_or_default(),
    }
}

/// Addresses of this machine that others can reach; loopback if there are none.
fn reachable() -> Result<Vec<MediaArgument>, CliError> {
    let interfaces = Interfaces::list()?;
    let addresses = interfaces.iter().flat_map(|interface| interface.addresses.iter().copied());
    let mut found: Vec<_> = addresses.filter(|address| is_reachable(*address)).collect();
    if found.is_empty() {
        found.push(IpAddr::from([127, 0, 0, 1]));
    }
    Ok(found.into_iter().map(|address| MediaArgument { local: address, public: address }).collect())
}

pub(super) fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    }
}

fn on(address: &SocketAddr) -> impl FnOnce(io::Error) -> CliError {
    move |error| format!("cannot listen on {address}: {error}").into()
}

/// A socket that only this user can ask. One that a dead server left is replaced.
fn bind_control(path: &Path) -> Result<UnixListener, CliError> {
    if UnixStream::connect(path).is_ok() {
        return Err(
            format!("a server is running already at {}: use another --control", path.display()).into()
        );
    }
    remove(path);
    let failed = |error| format!("cannot make the control socket {}: {error}", path.display());
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "the control socket stays");
        }
        _ => {}
    }
}

async fn answer_control(engine: Handle, request: Request<Incoming>) -> Answer {
    if request.uri().path() != ask::SNAPSHOT {
        return error_page(StatusCode::NOT_FOUND, "Not found");
    }
    match engine.snapshot().await.map(|snapshot| serde_json::to_string(&snapshot)) {
        Ok(Ok(document)) => json(document),
        _ => error_page(StatusCode::SERVICE_UNAVAILABLE, "Server stopping"),
    }
}

/// SIGINT ends the server now. SIGTERM drains: new conferences are refused, and the server ends with the
/// last running one, or at the second SIGTERM.
async fn told_to_stop(engine: &Handle) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => {}
    }
    tracing::info!("draining: new conferences are refused, the server ends with the last one");
    engine.drain().await?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = engine.empty() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_at_a_media_address() {
        let media: Vec<MediaArgument> =
            ["2001:db8::1", "192.0.2.1=198.51.100.7"].iter().map(|text| text.parse().unwrap()).collect();
        for (listener, expected) in [
            ("127.0.0.1:8585", "127.0.0.1:8585"),
            ("192.0.2.9:80", "192.0.2.9:80"),
            ("0.0.0.0:8585", "198.51.100.7:8585"),
            ("[::]:8585", "[2001:db8::1]:8585"),
        ] {
            assert_eq!(leads_to(listener.parse().unwrap(), &media), expected.parse().unwrap());
        }
        let unknown = "0.0.0.0:8585".parse().unwrap();
        assert_eq!(leads_to(unknown, &[]), unknown);
    }
}
