//! The command line.

use std::{net::IpAddr, time::Duration};

use clap::{Parser, ValueEnum};

use crate::{
    dtls::{self, COUNTER_MODE, GCM_128, GCM_256},
    http::Endpoint,
    offer::Slots,
    plan::Plan,
};

/// Most video slots that the protocol has (sft-protocol.md 3.5).
const MOST_SLOTS: usize = 32;
/// Video slots that stock clients ask for.
const USUAL_SLOTS: usize = 9;

/// Load client for conference servers of the SFT protocol.
///
/// Joins conferences as the stock clients do (HTTP, ICE, DTLS-SRTP, data channel), sends audio and simulcast
/// video, and checks every copy that comes back: whose it is, which slot, SSRC, CSRC and layer it has, its
/// order, and that nothing is missing, doubled or unasked for.
///
/// Exit status: 0 if everything was right, 1 if not (the reasons are listed), 2 for wrong arguments.
#[derive(Clone, Debug, Parser)]
#[command(name = "sft-load", version, about)]
pub(crate) struct Arguments {
    /// URL of the server: what comes before /sft/ in its joins; plain http only
    #[arg(long, value_name = "URL")]
    pub(crate) url: Endpoint,
    /// Legs of each conference
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) legs: u16,
    /// Legs that talk; the others send silence, which must not arrive anywhere. The first leg is one of them
    #[arg(long, value_name = "K", alias = "talkers", default_value_t = 5)]
    pub(crate) talking: u16,
    /// Legs that do not talk send no audio instead of silence: with --talking 0 and without --video all legs
    /// just join and stay
    #[arg(long)]
    pub(crate) idle: bool,
    /// Time between two audio packets of a leg
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub(crate) interval: u16,
    /// Legs that may be joining at the same time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) joining: u16,
    /// Length of the measuring window
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Every leg sends video in two layers, and watches others
    #[arg(long)]
    pub(crate) video: bool,
    /// Send and watch the lower layer only
    #[arg(long, requires = "video")]
    pub(crate) low: bool,
    /// Time between two pictures of a video
    #[arg(long, value_name = "MS", requires = "video", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(crate) frame_interval: u16,
    /// Legs authorise only the others of their circle of N, and watch only them [default: everybody]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) circle: Option<u16>,
    /// Videos that each leg watches, half of them in the higher layer [default: 9, or all there are]
    #[arg(long, value_name = "M", requires = "video", value_parser = clap::value_parser!(u16).range(0..=MOST_SLOTS as i64))]
    pub(crate) watch: Option<u16>,
    /// Ask for no slots: every stream of the others comes under its own SSRC, videos in the higher layer. Servers
    /// may bound how many streams that can be
    #[arg(long, conflicts_with = "watch")]
    pub(crate) no_slots: bool,
    /// SRTP profile to offer
    #[arg(long, value_enum, default_value_t)]
    pub(crate) profile: Profile,
    /// Conferences at the same time
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) conferences: u16,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Local address for media [default: the one that leads to the server]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,
    /// Before the measuring window every leg moves to this local address, as a client does that changes network;
    /// it must have its media there within 2 s
    #[arg(long, value_name = "ADDR")]
    pub(crate) move_to: Option<IpAddr>,
}

impl Arguments {
    /// What the legs of each conference do.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            legs: self.legs,
            talking: self.talking.min(self.legs),
            silence: !self.idle,
            interval: Duration::from_millis(self.interval.into()),
            video: self.video,
            high: !self.low,
            frame_interval: Duration::from_millis(self.frame_interval.into()),
            circle: self.circle(),
            watched: self.watched() as u16,
            named: self.no_slots,
        }
    }

    fn circle(&self) -> u16 {
        self.circle.unwrap_or(self.legs).min(self.legs)
    }

    /// Videos that each leg watches.
    pub(crate) fn watched(&self) -> usize {
        let others = usize::from(self.circle()) - 1;
        match (self.video, self.watch) {
            (false, _) => 0,
            (true, _) if self.no_slots => others,
            (true, Some(watch)) => others.min(usize::from(watch)),
            (true, None) => others.min(USUAL_SLOTS),
        }
    }

    /// What to ask for.
    pub(crate) fn slots(&self) -> Slots {
        if self.no_slots { Slots::NONE } else { Slots::with_video(self.watched().max(USUAL_SLOTS)) }
    }
}

/// What DTLS offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// All of them; the server chooses
    #[default]
    Any,
    /// AES128_CM_HMAC_SHA1_80, the only one of native clients
    #[value(alias = "cm")]
    CounterMode,
    /// AEAD_AES_128_GCM
    Gcm128,
    /// AEAD_AES_256_GCM
    Gcm256,
}

impl Profile {
    /// `None` for all.
    pub(crate) fn only(self) -> Option<dtls::Profile> {
        match self {
            Profile::Any => None,
            Profile::CounterMode => Some(COUNTER_MODE),
            Profile::Gcm128 => Some(GCM_128),
            Profile::Gcm256 => Some(GCM_256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<Arguments, clap::Error> {
        let arguments =
            ["sft-load", "--url", "http://198.51.100.1:8585"].into_iter().chain(more.iter().copied());
        Arguments::try_parse_from(arguments)
    }

    #[test]
    fn every_leg_watches_nine_or_all_others() {
        assert_eq!(parse(&["--legs", "20", "--video"]).unwrap().watched(), 9);
        assert_eq!(parse(&["--legs", "4", "--video"]).unwrap().watched(), 3);
        assert_eq!(parse(&["--legs", "20"]).unwrap().watched(), 0);
        assert_eq!(parse(&["--legs", "4", "--video", "--watch", "20"]).unwrap().watched(), 3);
    }

    #[test]
    fn who_is_in_a_circle_watches_no_more_than_the_others_in_it() {
        assert_eq!(parse(&["--legs", "20", "--circle", "5", "--video"]).unwrap().watched(), 4);
        assert_eq!(parse(&["--legs", "4", "--circle", "5", "--video"]).unwrap().watched(), 3);
    }

    #[test]
    fn as_many_slots_are_asked_for_as_stock_clients_do_or_as_are_needed() {
        assert_eq!(parse(&["--legs", "4", "--video"]).unwrap().slots().video, 9);
        assert_eq!(parse(&["--legs", "30", "--video", "--watch", "20"]).unwrap().slots().video, 20);
        let named = parse(&["--legs", "12", "--video", "--no-slots"]).unwrap();
        assert_eq!((named.slots(), named.plan().watched), (Slots::NONE, 11));
    }

    #[test]
    fn the_end_to_end_scenarios_are_understood() {
        let arguments =
            parse(&["--legs", "6", "--talkers", "3", "--video", "--seconds", "6", "--profile", "cm"])
                .unwrap();
        assert_eq!((arguments.legs, arguments.talking, arguments.seconds), (6, 3, 6));
        assert_eq!(arguments.profile, Profile::CounterMode);
    }

    #[test]
    fn senseless_numbers_are_refused() {
        for wrong in
            [&["--legs", "1"][..], &["--legs", "2", "--conferences", "0"], &["--legs", "2", "--watch", "1"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn idle_legs_send_nothing() {
        let plan = parse(&["--legs", "1000", "--talking", "0", "--idle"]).unwrap().plan();
        assert!((0..1000).all(|leg| !plan.sends_audio(leg)));
        let plan = parse(&["--legs", "3", "--talking", "1"]).unwrap().plan();
        assert!((0..3).all(|leg| plan.sends_audio(leg)));
    }
}
