//! SSRCs that no answer announced: learned from authenticated packets that carry a RID.
//!
//! For both lanes. It opens packets only to authenticate them and forwards nothing.
