//! End-to-end scenarios: real calling clients, or the load client, against `sft serve` across a veth pair.
//!
//! Namespaces, server and clients of a scenario live here; what a call must look like is judged by the
//! clients themselves (`sft-control/tests/e2e`, `sft-load`).

mod firewall;
mod network;
mod server;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use self::{
    firewall::Firewall,
    network::{MOVED_ADDRESS, Network, PinDirectory, SERVER_ADDRESS},
    server::{Address, Ports, Server, Setup, User},
};
use crate::{
    packages,
    process::{Failure, Result, command, find, is_root, progress, root, run},
    report::{Outcome, Report},
};

/// Who joins the conference.
enum Clients {
    /// Wire's calling library in Chromium, with further arguments for the harness.
    Browsers(&'static [&'static str]),
    /// The server's own try page in Chromium, with further arguments for the harness.
    TryPage(&'static [&'static str]),
    /// `sft-load`, with further arguments.
    Load(&'static [&'static str]),
}

struct Scenario {
    name: &'static str,
    dataplane: &'static str,
    user: User,
    firewall: Firewall,
    address: Address,
    /// How many there are of them.
    servers: u16,
    /// Further options of `sft serve`. [`SCRATCH`] stands for the directory of scratch files.
    server: &'static [&'static str],
    clients: Clients,
}

/// In arguments: the directory with the files of [`Bench::prepare`].
const SCRATCH: &str = "{scratch}";
/// What tokens are signed with, and a file that holds it.
const SECRET: &str = "known-to-everybody";
const SECRET_FILE: &str = "{scratch}/secret";
/// A certificate that nobody vouches for, and its key.
const CERTIFICATE_FILE: &str = "{scratch}/certificate.pem";
const KEY_FILE: &str = "{scratch}/key.pem";

/// The TURN server of [`Firewall`].
const TURN_UDP: &str = "turn:198.51.100.3:3478?transport=udp";
const TURN_TCP: &str = "turn:198.51.100.3:3478?transport=tcp";

/// A call in the kernel lane.
const fn call(name: &'static str, arguments: &'static [&'static str]) -> Scenario {
    let clients = Clients::Browsers(arguments);
    let (user, firewall, address) = (User::Root, Firewall::Open, Address::V4);
    Scenario { name, dataplane: "xdp", user, firewall, address, servers: 1, server: &[], clients }
}

/// A client that the server turns away.
const fn refusal(
    name: &'static str,
    server: &'static [&'static str],
    arguments: &'static [&'static str],
) -> Scenario {
    Scenario { server, dataplane: "userspace", ..call(name, arguments) }
}

/// The page that the server itself serves.
const fn try_page(
    name: &'static str,
    dataplane: &'static str,
    server: &'static [&'static str],
    arguments: &'static [&'static str],
) -> Scenario {
    Scenario { dataplane, server, clients: Clients::TryPage(arguments), ..call(name, &[]) }
}

const fn load(name: &'static str, dataplane: &'static str, arguments: &'static [&'static str]) -> Scenario {
    Scenario { dataplane, clients: Clients::Load(arguments), ..call(name, &[]) }
}

const SCENARIOS: &[Scenario] = &[
    call("browsers_proteus_video", &["--lane", "kernel", "--video"]),
    call("browsers_mls_leave", &["--lane", "kernel", "--video", "--mls", "--leave"]),
    call("browsers_server_crash", &["--lane", "kernel", "--video", "--restart"]),
    call("browsers_camera_toggled", &["--lane", "kernel", "--video", "--toggle"]),
    call("browsers_firefox_code", &["--lane", "kernel", "--video", "--firefox"]),
    call("browsers_two_without_video", &["--lane", "kernel", "--clients", "2", "--leave"]),
    call("browsers_six", &["--lane", "kernel", "--video", "--clients", "6"]),
    call("browsers_network_change", &["--lane", "kernel", "--video", "--move"]),
    call("browsers_client_vanishes", &["--lane", "kernel", "--video", "--vanish"]),
    Scenario {
        address: Address::Https,
        server: &["--tls-cert", CERTIFICATE_FILE, "--tls-key", KEY_FILE, "--cors-origin", "*"],
        ..call("browsers_https_from_page", &["--lane", "kernel", "--video", "--fetch"])
    },
    Scenario {
        firewall: Firewall::Nat,
        address: Address::BehindNat,
        ..call("browsers_server_behind_nat", &["--lane", "kernel", "--video"])
    },
    Scenario { address: Address::V6, ..call("browsers_ipv6", &["--lane", "kernel", "--video"]) },
    Scenario {
        firewall: Firewall::TurnForClients,
        ..call("browsers_turn_udp", &["--lane", "kernel", "--video", "--turn", TURN_UDP, "--relayed", "udp"])
    },
    Scenario {
        firewall: Firewall::TurnForClients,
        ..call("browsers_turn_tcp", &["--lane", "kernel", "--video", "--turn", TURN_TCP, "--relayed", "tcp"])
    },
    Scenario {
        dataplane: "auto",
        firewall: Firewall::TurnForServer,
        server: &["--relay"],
        ..call("browsers_server_relayed_udp", &["--lane", "user", "--video", "--turn", TURN_UDP])
    },
    Scenario {
        dataplane: "auto",
        firewall: Firewall::TurnForServer,
        server: &["--relay"],
        ..call("browsers_server_relayed_tcp", &["--lane", "user", "--video", "--turn", TURN_TCP])
    },
    Scenario { dataplane: "userspace", ..call("browsers_userspace", &["--lane", "user", "--video"]) },
    Scenario {
        dataplane: "userspace",
        servers: 3,
        ..call("browsers_three_servers", &["--lane", "user", "--video", "--leave"])
    },
    Scenario {
        dataplane: "auto",
        user: User::Nobody,
        ..call("browsers_unprivileged_server", &["--lane", "user", "--video"])
    },
    refusal("browsers_refused_outdated", &["--blacklist", "<99.0.0"], &["--refused", "1"]),
    refusal("browsers_refused_without_token", &["--token-secret", SECRET_FILE], &["--refused", "2"]),
    refusal(
        "browsers_refused_forged_token",
        &["--token-secret", SECRET_FILE],
        &["--refused", "2", "--secret", SECRET_FILE, "--token", "forged"],
    ),
    refusal(
        "browsers_refused_expired_token",
        &["--token-secret", SECRET_FILE],
        &["--refused", "3", "--secret", SECRET_FILE, "--token", "expired"],
    ),
    refusal(
        "browsers_refused_token_limit",
        &["--token-secret", SECRET_FILE, "--max-token-legs", "0"],
        &["--refused", "4", "--secret", SECRET_FILE, "--token", "start"],
    ),
    refusal(
        "browsers_refused_start",
        &["--token-secret", SECRET_FILE],
        &["--refused", "5", "--secret", SECRET_FILE, "--token", "join"],
    ),
    try_page("browsers_try_page", "xdp", &["--try"], &["--lane", "kernel"]),
    try_page("browsers_try_page_userspace", "userspace", &["--try"], &["--lane", "userspace"]),
    try_page(
        "browsers_try_page_without_token",
        "userspace",
        &["--try", "--token-secret", SECRET_FILE],
        &["--refused", "a token from its messaging backend"],
    ),
    try_page(
        "browsers_try_page_full",
        "userspace",
        &["--try", "--max-legs", "0"],
        &["--refused", "The server is full."],
    ),
    load(
        "load_kernel",
        "xdp",
        &["--legs", "20", "--talkers", "5", "--video", "--watch", MOST_COPIES, "--seconds", "10"],
    ),
    load(
        "load_kernel_counter_mode",
        "xdp",
        &["--legs", "6", "--talkers", "6", "--video", "--seconds", "6", "--profile", "cm"],
    ),
    load(
        "load_more_talkers_than_slots",
        "xdp",
        &["--legs", "12", "--talkers", "10", "--video", "--watch", MOST_COPIES, "--seconds", "8"],
    ),
    load("load_userspace", "userspace", &["--legs", "20", "--talkers", "5", "--video", "--seconds", "10"]),
    load("load_without_slots_kernel", "xdp", WITHOUT_SLOTS),
    load("load_without_slots_userspace", "userspace", WITHOUT_SLOTS),
    load("load_moving_kernel", "xdp", MOVING),
    load("load_moving_userspace", "userspace", MOVING),
    Scenario {
        address: Address::V6,
        ..load("load_ipv6_userspace", "userspace", &["--legs", "6", "--video", "--seconds", "6"])
    },
];

/// For the load client: each stream comes under its own name.
const WITHOUT_SLOTS: &[&str] = &["--legs", "6", "--talkers", "5", "--video", "--no-slots", "--seconds", "8"];

/// For the load client: all legs change network before they measure.
const MOVING: &[&str] = &[
    "--legs",
    "20",
    "--talkers",
    "5",
    "--video",
    "--watch",
    MOST_COPIES,
    "--seconds",
    "10",
    "--move-to",
    MOVED_ADDRESS,
];

/// How many may watch a video across a virtual cable: it holds 256 frames, and the kernel takes up to 64 packets
/// before it tells the other end that there are copies. What does not fit is lost.
const MOST_COPIES: &str = "4";

/// The same restless call as this server has it, and as the original would.
const COMPARED: [Scenario; 2] = [
    call("figures", &["--lane", "kernel", "--video", "--figures"]),
    Scenario {
        server: &["--imitate-original"],
        ..call("figures_imitated", &["--lane", "kernel", "--video", "--figures"])
    },
];

/// Programs that the scenarios start, with the Debian packages that have them.
const PROGRAMS: [(&str, &str); 10] = [
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("nft", "nftables"),
    ("turnserver", "coturn"),
    ("openssl", "openssl"),
];

/// Names of the scenarios that a filter selects.
pub(crate) fn selected(filter: Option<&str>) -> Vec<&'static str> {
    SCENARIOS
        .iter()
        .map(|scenario| scenario.name)
        .filter(|name| filter.is_none_or(|text| name.contains(text)))
        .collect()
}

/// Runs the scenarios of these names with the release binaries; all are skipped where they cannot run.
pub(crate) fn run_scenarios(names: &[&'static str]) -> Report {
    let mut report = Report::new("end to end");
    if !is_root() {
        report.skip_all(names, "network namespaces need root");
        return report;
    }
    match Bench::prepare() {
        Ok(bench) => {
            for scenario in SCENARIOS.iter().filter(|scenario| names.contains(&scenario.name)) {
                progress(format_args!("scenario {}", scenario.name));
                report.add(scenario.name, bench.run(scenario).into());
            }
        }
        Err(error) => {
            progress(&error);
            report.fail_all(names);
        }
    }
    report
}

/// Prints receivers' own statistics of a call, beside those of the same call with the original's way of asking
/// for key frames and switching layers.
pub(crate) fn compare() -> Result<()> {
    let bench = Bench::prepare()?;
    let mut table = command("node");
    table.arg(bench.harness.join("compare.mjs"));
    for (scenario, column) in COMPARED.iter().zip(["this server", "as the original"]) {
        progress(format_args!("call: {column}"));
        bench.run(scenario)?;
        table.arg(format!("{column}={}", results(scenario.name).join("figures.json").display()));
    }
    run(&mut table)
}

/// Where the clients of a scenario leave what they saw.
fn results(scenario: &str) -> PathBuf {
    root().join("target/e2e/results").join(scenario)
}

impl From<Result<()>> for Outcome {
    fn from(result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(error) => {
                progress(format_args!("FAILED: {error}"));
                Self::Failed
            }
        }
    }
}

impl Scenario {
    fn ports(&self) -> impl Iterator<Item = Ports> + use<> {
        (0..self.servers).map(|server| Ports { server })
    }
}

/// What all scenarios share.
struct Bench {
    network: Network,
    pins: PinDirectory,
    /// The calling library and our harness, installed.
    harness: PathBuf,
    /// Readable by every user, unlike perhaps the repository. Holds a copy of the server's binary.
    scratch: PathBuf,
}

impl Bench {
    fn prepare() -> Result<Self> {
        for (program, package) in PROGRAMS {
            if find(program).is_none() {
                packages::install(&[package])?;
            }
        }
        let harness = install_harness()?;
        let scratch = std::env::temp_dir().join(format!("sft-test-{}", std::process::id()));
        fs::create_dir_all(&scratch).map_err(Failure::io(scratch.display()))?;
        let program = root().join("target/release/sft");
        fs::copy(&program, scratch.join("sft")).map_err(Failure::io(program.display()))?;
        fs::write(scratch.join("secret"), SECRET).map_err(Failure::io(scratch.display()))?;
        make_certificate(&scratch)?;
        Ok(Self { network: Network::create()?, pins: PinDirectory::mount()?, harness, scratch })
    }

    fn run(&self, scenario: &Scenario) -> Result<()> {
        let program = self.scratch.join("sft");
        let directory = self.scratch.join(scenario.name);
        fs::create_dir_all(&directory).map_err(Failure::io(directory.display()))?;
        let firewall = scenario.firewall.close(&self.network, &directory)?;
        let start = |ports: Ports| {
            Server::start(Setup {
                network: &self.network,
                program: &program,
                directory: directory.join(ports.server.to_string()),
                pins: self.pins.of(scenario.name),
                dataplane: scenario.dataplane,
                address: scenario.address,
                ports,
                options: self.arguments(scenario.server),
                user: scenario.user,
            })
        };
        let mut servers = scenario.ports().map(start).collect::<Result<Vec<_>>>()?;
        let result = self.follow(self.clients(scenario), &mut servers[0]);
        if result.is_err() {
            servers.iter().for_each(|server| show_end_of(&server.log_file()));
        }
        drop(firewall);
        result
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let scratch = self.scratch.display().to_string();
        arguments.iter().map(|argument| argument.replace(SCRATCH, &scratch)).collect()
    }

    fn clients(&self, scenario: &Scenario) -> Command {
        let mut command = self.network.in_client();
        let urls = scenario.ports().map(|ports| scenario.address.url(ports));
        match scenario.clients {
            Clients::Browsers(arguments) => {
                command.arg("node").arg(self.harness.join("call.mjs"));
                for (ports, url) in scenario.ports().zip(urls) {
                    let metrics = format!("http://{SERVER_ADDRESS}:{}/metrics", ports.metrics());
                    command.args(["--sft", &url, "--metrics", &metrics]);
                }
                command.arg("--output").arg(results(scenario.name));
                command.args(self.arguments(arguments));
            }
            Clients::TryPage(arguments) => {
                command.arg("node").arg(self.harness.join("try.mjs")).arg("--sft").args(urls);
                command.arg("--output").arg(results(scenario.name)).args(self.arguments(arguments));
            }
            Clients::Load(arguments) => {
                command.arg(root().join("target/release/sft-load")).arg("--url").args(urls);
                command.args(self.arguments(arguments));
            }
        }
        command
    }

    /// Waits for the clients' verdict. The line `restart` on their standard output asks for a crash of the
    /// server, `move` for another address of theirs; other lines are shown.
    fn follow(&self, mut clients: Command, server: &mut Server<'_>) -> Result<()> {
        let mut child =
            clients.stdout(Stdio::piped()).spawn().map_err(Failure::io("starting the clients"))?;
        let lines = child.stdout.take().map(|pipe| BufReader::new(pipe).lines()).into_iter().flatten();
        let mut moved = None;
        for line in lines {
            match line.map_err(Failure::io("reading the clients' output"))?.as_str() {
                "restart" => server.crash_and_restart()?,
                "move" => moved = Some(self.network.move_clients()?),
                line => eprintln!("{line}"),
            }
        }
        let status = child.wait().map_err(Failure::io("waiting for the clients"))?;
        drop(moved);
        if status.success() { Ok(()) } else { Err(Failure::new(format!("the clients' verdict: {status}"))) }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Only copies are in there; what cannot be removed now is removed with the temporary directory.
        drop(fs::remove_dir_all(&self.scratch));
    }
}

/// Makes [`CERTIFICATE_FILE`] and [`KEY_FILE`].
fn make_certificate(directory: &Path) -> Result<()> {
    let mut openssl = command("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-subj", "/CN=sft.test", "-addext", &format!("subjectAltName=IP:{SERVER_ADDRESS}")]);
    openssl.arg("-keyout").arg(directory.join("key.pem"));
    openssl.arg("-out").arg(directory.join("certificate.pem"));
    run(openssl.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Copies the harness to `target/e2e` and installs the calling library next to it, once per lock file.
fn install_harness() -> Result<PathBuf> {
    let source = root().join("sft-control/tests/e2e");
    let target = root().join("target/e2e/harness");
    fs::create_dir_all(&target).map_err(Failure::io(target.display()))?;
    let lock = |directory: &Path| fs::read(directory.join("package-lock.json")).ok();
    let current = target.join("node_modules/@wireapp/avs").is_dir() && lock(&source) == lock(&target);
    run(command("cp").arg("--recursive").arg(source.join(".")).arg(&target))?;
    if !current {
        progress("fetching the calling library from the npm registry");
        run(command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&target))?;
    }
    Ok(target)
}

/// The last lines of the server's log, where a failure usually explains itself.
fn show_end_of(log: &Path) {
    const LINES: usize = 40;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("--- end of {}", log.display());
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        eprintln!("{line}");
    }
    eprintln!("---");
}
