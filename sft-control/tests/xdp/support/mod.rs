//! What the tests of the XDP programs share: the programs in the kernel with maps filled by hand, packets, an
//! independent SRTP, and a wire.
pub(crate) mod both;
pub(crate) mod conference;
pub(crate) mod kernel;
pub(crate) mod lane;
pub(crate) mod packet;
pub(crate) mod sender;
pub(crate) mod srtp;
pub(crate) mod tables;
pub(crate) mod wire;
