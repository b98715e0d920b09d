//! What every lane is given, and how its time is counted.
//!
//! Closed loop: a burst of packets goes out when all copies of the one before have been made, so that nothing
//! is lost and nothing waits. Between bursts there is a pause, as between the frames of a video. Counted are
//! the threads of the kernel that poll the server's interface (the XDP programs run there, and the receive
//! path of sockets), and the lane's own threads with their system calls. Making and receiving the packets is
//! not counted.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use sft_control::srtp::RtpCipher;

use crate::{
    Failure,
    dataplane::ProfileName,
    lanes::{self, RECEIVE, SENDER, SSRC},
    rig::Rig,
};

/// Copies in flight at a time; the clients' end holds 256 frames.
const COPIES: usize = 200;
/// Packets in flight at a time.
const BURST: usize = 16;
/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(1);
/// A burst that is not through by then has lost something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// Bursts before the measurement starts: every stream has its ring of prepared key stream by then.
const WARM_UP: usize = 100;
/// Index of the first packet.
pub(crate) const FIRST: u64 = 1000;

/// A combination of the options.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) profile: ProfileName,
    /// RTP payload.
    pub(crate) bytes: usize,
    pub(crate) receivers: usize,
    pub(crate) packets: usize,
}

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// CPU time without that of the producer of key stream.
    pub(crate) spent: Duration,
    pub(crate) producer: Duration,
    pub(crate) copies: u64,
    /// Part of the packets and copies without prepared key stream.
    pub(crate) computed: f64,
}

impl Figures {
    pub(crate) fn per_copy(&self, time: Duration) -> f64 {
        time.as_nanos() as f64 / self.copies as f64
    }
}

/// A lane at work.
pub(crate) trait Work {
    /// Takes what has come, and returns when so many copies have been made in all.
    fn until(&mut self, copies: u64) -> Result<(), Failure>;
    /// CPU time so far, without the producer's.
    fn time(&self) -> Result<Duration, Failure>;
}

impl Case {
    /// Sends everything through a lane. `before` is called when the measurement starts.
    pub(crate) fn run<W: Work, B>(
        self,
        rig: &Rig,
        work: &mut W,
        before: impl FnOnce(&W) -> B,
    ) -> Result<(Duration, B), Failure> {
        let generator = crate::generator::Generator::start(self.frames(rig)?)?;
        let mut sent = 0;
        let mut through = |work: &mut W, packets: usize| -> Result<(), Failure> {
            let end = sent + packets;
            while sent < end {
                let burst = self.burst().min(end - sent);
                sent += burst;
                generator.send(burst)?;
                work.until((sent * self.receivers) as u64)?;
                sleep(PAUSE);
            }
            Ok(())
        };
        through(work, self.warm_up())?;
        let (start, noted) = (work.time()?, before(work));
        through(work, self.packets)?;
        Ok((work.time()? - start, noted))
    }

    fn burst(self) -> usize {
        (COPIES / self.receivers).clamp(1, BURST)
    }

    fn warm_up(self) -> usize {
        WARM_UP * self.burst()
    }

    pub(crate) fn copies(self) -> u64 {
        (self.packets * self.receivers) as u64
    }

    /// Sealed packets of one source, as frames to the server.
    fn frames(self, rig: &Rig) -> Result<Vec<Vec<u8>>, Failure> {
        let cipher = RtpCipher::new(&lanes::key(self.profile.profile(), SENDER, RECEIVE))?;
        (0..(self.warm_up() + self.packets) as u64)
            .map(|number| self.frame(rig, &cipher, FIRST + number))
            .collect()
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
}

/// Waits until `done` says so.
pub(crate) fn poll(
    mut done: impl FnMut() -> Result<bool, Failure>,
    lost: impl Fn() -> Failure,
) -> Result<(), Failure> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > PATIENCE {
            return Err(lost());
        }
    }
    Ok(())
}
