//! The lane as a whole: SRTP packets in, SRTP packets out, opened by the arithmetic of the XDP programs.

mod audio;
mod contract;
mod drops;
mod handover;
mod properties;
mod video;
mod world;
