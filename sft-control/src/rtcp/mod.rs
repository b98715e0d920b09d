//! RTCP of one leg, terminated hop by hop: what its packets say, and the reports and feedback for it.
//!
//! Sans-IO: SRTCP packets in and out, time passed in.
