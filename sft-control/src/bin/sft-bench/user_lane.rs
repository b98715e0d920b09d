//! The userspace lane under the measurement, with the sockets that the server uses.

use std::{net::SocketAddr, time::Duration};

use sft_control::{
    dataplane::{Lane, Tuple, user::UserLane},
    sockets::{MediaSockets, ReceiveBatch, SendBatch},
};

use crate::{
    Failure,
    bursts::{Case, Figures, Work, poll},
    cpu,
    lanes::{self, SENDER, copies, lost, monotonic_ns},
    rig::Rig,
};

struct User<'a> {
    rig: &'a Rig,
    sockets: MediaSockets,
    local: SocketAddr,
    lane: UserLane,
    received: ReceiveBatch,
    outgoing: SendBatch,
    /// Copies that the system did not take.
    refused: usize,
}

impl Work for User<'_> {
    fn until(&mut self, wanted: u64) -> Result<(), Failure> {
        let User { sockets, local, lane, received, outgoing, refused, .. } = self;
        let socket = sockets.get(0).ok_or("no socket")?;
        let mut turn = || {
            lanes::wait_readable(socket)?;
            while socket.receive(received).is_ok_and(|number| number > 0) {
                let now = monotonic_ns();
                for (remote, packet) in received.iter_mut() {
                    lane.forward(Tuple { local: *local, remote }, packet, now, outgoing);
                }
                let report = outgoing.flush(sockets, |_, _| false);
                *refused += report.full + report.refused;
            }
            Ok(copies(&lane.counters()) >= wanted)
        };
        poll(&mut turn, || "copies got lost".into())?;
        if *refused > 0 { Err(lost(&lane.counters())) } else { Ok(()) }
    }

    fn time(&self) -> Result<Duration, Failure> {
        Ok(self.rig.server.time()? + cpu::own_thread())
    }
}

pub(crate) fn measure(rig: &Rig, case: Case) -> Result<Figures, Failure> {
    let local = lanes::tuple(SENDER).local;
    let mut lane = UserLane::new();
    lanes::set_up(&mut lane, case.profile.profile(), case.receivers, lanes::media(case.bytes))?;
    let (received, outgoing) = (ReceiveBatch::default(), SendBatch::default());
    let sockets = MediaSockets::bind(&[local])?;
    let mut work = User { rig, sockets, local, lane, received, outgoing, refused: 0 };
    let (spent, ()) = case.run(rig, &mut work, |_| ())?;
    Ok(Figures { spent, producer: Duration::ZERO, copies: case.copies(), computed: 0.0 })
}
