//! CPU time per forwarded copy, both lanes beside each other in one run.
//!
//! Closed loop: a burst of packets goes out when all copies of the one before have been made, so that nothing
//! is lost and nothing waits. What is counted is the thread that polls the server's interface (the XDP
//! programs run there, and so does the receive path of the sockets) and, in the userspace lane, the lane's
//! own thread with its system calls. Making and receiving the packets is not counted.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use serde::Serialize;
use sft_common::maps::Profile;
use sft_control::{
    dataplane::{
        Counters, Lane,
        object::OBJECT,
        user::UserLane,
        xdp::{KernelLane, Settings},
    },
    sockets::{MediaSockets, ReceiveBatch, SendBatch},
    srtp::RtpCipher,
};

use crate::{
    Dataplane, Failure, cpu,
    generator::Generator,
    lanes::{self, RECEIVE, SENDER, SSRC},
    rig::{PINS, Rig, SERVER_INTERFACE},
};

/// Copies in flight at a time; the clients' end holds 256 frames.
const COPIES: usize = 200;
/// Packets in flight at a time.
const BURST: usize = 16;
/// A burst that is not through by then has lost something.
const PATIENCE: Duration = Duration::from_secs(2);
/// Packets before the measurement starts.
const WARM_UP: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    Gcm128,
    Gcm256,
    Cm,
}

impl ProfileName {
    fn profile(self) -> Profile {
        match self {
            ProfileName::Gcm128 => Profile::AeadAes128Gcm,
            ProfileName::Gcm256 => Profile::AeadAes256Gcm,
            ProfileName::Cm => Profile::Aes128CmHmacSha1_80,
        }
    }

    fn name(self) -> &'static str {
        match self {
            ProfileName::Gcm128 => "gcm128",
            ProfileName::Gcm256 => "gcm256",
            ProfileName::Cm => "cm",
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
struct Row {
    lane: &'static str,
    profile: &'static str,
    /// RTP payload.
    bytes: usize,
    receivers: usize,
    copies: u64,
    ns_per_copy: f64,
}

/// Kernel lane over userspace lane, same profile, size and receivers.
#[derive(Clone, Debug, Serialize)]
struct Ratio {
    profile: &'static str,
    bytes: usize,
    receivers: usize,
    kernel_vs_user: f64,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
    ratios: Vec<Ratio>,
}

/// A combination of the options.
#[derive(Clone, Copy)]
struct Case {
    profile: ProfileName,
    bytes: usize,
    receivers: usize,
    packets: usize,
}

pub(crate) fn run(options: &Dataplane) -> Result<(), Failure> {
    let rig = Rig::build()?;
    let mut report = Report { rows: Vec::new(), ratios: Vec::new() };
    for &profile in &options.profiles {
        for &bytes in &options.bytes {
            for &receivers in &options.receivers {
                let case = Case { profile, bytes, receivers, packets: options.packets };
                eprintln!("{} {bytes} B, {receivers} receivers", profile.name());
                let user = measure_user(&rig, case)?;
                let kernel = measure_kernel(&rig, case)?;
                report.ratios.push(Ratio {
                    profile: profile.name(),
                    bytes,
                    receivers,
                    kernel_vs_user: kernel.ns_per_copy / user.ns_per_copy,
                });
                report.rows.extend([user, kernel]);
            }
        }
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn print(report: &Report) {
    println!(
        "{:7} {:8} {:>6} {:>10} {:>9} {:>12}",
        "lane", "profile", "bytes", "receivers", "copies", "ns per copy"
    );
    for row in &report.rows {
        println!(
            "{:7} {:8} {:>6} {:>10} {:>9} {:>12.0}",
            row.lane, row.profile, row.bytes, row.receivers, row.copies, row.ns_per_copy
        );
    }
    println!();
    println!("{:8} {:>6} {:>10} {:>14}", "profile", "bytes", "receivers", "kernel / user");
    for ratio in &report.ratios {
        println!(
            "{:8} {:>6} {:>10} {:>14.2}",
            ratio.profile, ratio.bytes, ratio.receivers, ratio.kernel_vs_user
        );
    }
}

impl Case {
    fn burst(self) -> usize {
        (COPIES / self.receivers).clamp(1, BURST)
    }

    /// Sealed packets of one source, as frames to the server.
    fn frames(self, rig: &Rig) -> Result<Vec<Vec<u8>>, Failure> {
        let cipher = RtpCipher::new(&lanes::key(self.profile.profile(), SENDER, RECEIVE))?;
        (0..(WARM_UP + self.packets) as u64).map(|number| self.frame(rig, &cipher, 1000 + number)).collect()
    }

    fn frame(self, rig: &Rig, cipher: &RtpCipher, index: u64) -> Result<Vec<u8>, Failure> {
        let mut packet = vec![0x80, if self.bytes > 300 { 100 } else { 111 }];
        packet.extend((index as u16).to_be_bytes());
        packet.extend((index as u32 * 960).to_be_bytes());
        packet.extend(SSRC.to_be_bytes());
        packet.extend((0..self.bytes).map(|place| (place as u64 ^ index) as u8));
        cipher.seal(&mut packet, 12, SSRC, index).map_err(|reason| reason.name())?;
        Ok(rig.to_server(&packet))
    }

    fn row(self, lane: &'static str, spent: Duration, copies: u64) -> Row {
        Row {
            lane,
            profile: self.profile.name(),
            bytes: self.bytes,
            receivers: self.receivers,
            copies,
            ns_per_copy: spent.as_nanos() as f64 / copies as f64,
        }
    }
}

fn copies(counters: &Counters) -> u64 {
    counters.audio_copies + counters.video_copies
}

fn measure_kernel(rig: &Rig, case: Case) -> Result<Row, Failure> {
    let object = OBJECT.ok_or("this build has no BPF object")?;
    let local = lanes::tuple(SENDER).local;
    let mut lane = KernelLane::load(
        object,
        &Settings {
            interfaces: vec![SERVER_INTERFACE.into()],
            media: vec![local],
            pin_dir: Some(PathBuf::from(PINS).join("bench")),
            legs: case.receivers as u32 + 1,
            keystream: 64 << 20,
        },
    )?;
    lane.renew_lease(monotonic_ns());
    lanes::set_up(&mut lane, case.profile.profile(), case.receivers, lanes::media(case.bytes))?;
    let generator = Generator::start(case.frames(rig)?)?;
    let mut through = |packets: usize| -> Result<(), Failure> {
        let mut left = packets;
        while left > 0 {
            let burst = case.burst().min(left);
            let wanted = copies(&lane.counters()) + (burst * case.receivers) as u64;
            generator.send(burst)?;
            let start = Instant::now();
            while copies(&lane.counters()) < wanted {
                if start.elapsed() > PATIENCE {
                    return Err(lost(&lane.counters()));
                }
                std::thread::sleep(Duration::from_micros(50));
            }
            left -= burst;
        }
        lane.renew_lease(monotonic_ns());
        Ok(())
    };
    through(WARM_UP)?;
    let before = rig.server.time()?;
    through(case.packets)?;
    let spent = rig.server.time()? - before;
    lanes::tear_down(&mut lane, case.receivers);
    Ok(case.row("kernel", spent, (case.packets * case.receivers) as u64))
}

fn measure_user(rig: &Rig, case: Case) -> Result<Row, Failure> {
    let local: SocketAddr = lanes::tuple(SENDER).local;
    let sockets = MediaSockets::bind(&[local])?;
    let socket = sockets.get(0).ok_or("no socket")?;
    let mut lane = UserLane::new();
    lanes::set_up(&mut lane, case.profile.profile(), case.receivers, lanes::media(case.bytes))?;
    let generator = Generator::start(case.frames(rig)?)?;
    let (mut received, mut outgoing) = (ReceiveBatch::default(), SendBatch::default());
    let mut through = |packets: usize| -> Result<(), Failure> {
        let mut left = packets;
        while left > 0 {
            let burst = case.burst().min(left);
            let wanted = copies(&lane.counters()) + (burst * case.receivers) as u64;
            generator.send(burst)?;
            let start = Instant::now();
            while copies(&lane.counters()) < wanted {
                wait_readable(socket)?;
                while socket.receive(&mut received).is_ok_and(|number| number > 0) {
                    let now = monotonic_ns();
                    for (remote, packet) in received.iter_mut() {
                        let tuple = sft_control::dataplane::Tuple { local, remote };
                        lane.forward(tuple, packet, now, &mut outgoing);
                    }
                    outgoing.flush(&sockets);
                }
                if start.elapsed() > PATIENCE {
                    return Err(lost(&lane.counters()));
                }
            }
            left -= burst;
        }
        Ok(())
    };
    through(WARM_UP)?;
    let before = rig.server.time()? + cpu::own_thread();
    through(case.packets)?;
    let spent = rig.server.time()? + cpu::own_thread() - before;
    Ok(case.row("user", spent, (case.packets * case.receivers) as u64))
}

/// What a stuck measurement says.
fn lost(counters: &Counters) -> Failure {
    let drops = counters.drops.iter().filter(|(_, count)| *count > 0);
    let drops: Vec<String> = drops.map(|(reason, count)| format!("{} {count}", reason.name())).collect();
    format!("copies got lost; {} received, dropped: {}", counters.rtp_received, drops.join(", ")).into()
}

fn wait_readable(socket: &impl std::os::fd::AsRawFd) -> Result<(), Failure> {
    let mut descriptor = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure of ours.
    match unsafe { libc::poll(&raw mut descriptor, 1, 100) } {
        -1 => Err(std::io::Error::last_os_error().into()),
        _ => Ok(()),
    }
}

fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
