//! STUN as far as the transport and the demultiplexer read and write it themselves (RFC 8489, RFC 8445).
//!
//! The checks are the ICE agent's. What is decided here is whose a message is and whether it is authentic,
//! because addresses may be learned from authentic messages only.

use std::panic::catch_unwind;

use aws_lc_rs::hmac;
use is::stun::{StunMessage, TransId};

/// A STUN message, if `datagram` is one. A success response and a request have MESSAGE-INTEGRITY; a request
/// has USERNAME and PRIORITY.
pub(super) fn parse(datagram: &[u8]) -> Option<StunMessage<'_>> {
    // The parser is not ours and reads what anybody sends to the port.
    catch_unwind(|| StunMessage::parse(datagram).ok()).ok().flatten()
}

/// Whether whoever made `message` knows `password`.
pub(super) fn is_authentic(message: &StunMessage<'_>, password: &str) -> bool {
    message.verify(password.as_bytes(), hmac_sha1)
}

fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// The parts of the agent's checks that are the same in all of them, to make one more like them.
#[derive(Clone, Debug)]
pub(super) struct CheckForm {
    username: String,
    pub(super) controlling: bool,
    tie_breaker: u64,
    priority: u32,
}

impl CheckForm {
    /// From a check that the agent sends.
    pub(super) fn of(request: &StunMessage<'_>) -> Option<Self> {
        let (controlling, tie_breaker) = match (request.ice_controlling(), request.ice_controlled()) {
            (Some(number), _) => (true, number),
            (None, Some(number)) => (false, number),
            (None, None) => return None,
        };
        Some(CheckForm {
            username: request.username()?.to_owned(),
            controlling,
            tie_breaker,
            priority: request.prio()?,
        })
    }

    /// A check that nominates nothing, under the peer's password.
    pub(super) fn request(&self, transaction: TransId, password: &str) -> Option<Vec<u8>> {
        let message = StunMessage::binding_request(
            &self.username,
            transaction,
            self.controlling,
            self.tie_breaker,
            self.priority,
            false,
        );
        let mut datagram = vec![0; 512];
        let length = message.to_bytes(Some(password.as_bytes()), &mut datagram, hmac_sha1).ok()?;
        datagram.truncate(length);
        Some(datagram)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5769 section 2.1: a request with the password `VOkJxbRl1RmTxUk/WvJxBt`.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
        002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008001\
        49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn integrity_matches_the_rfc() {
        let datagram = bytes(REQUEST);
        let message = parse(&datagram).unwrap();
        assert!(message.is_binding_request());
        assert_eq!(message.split_username(), Some(("evtj", "h6vY")));
        assert!(is_authentic(&message, "VOkJxbRl1RmTxUk/WvJxBt"));
        assert!(!is_authentic(&message, "VOkJxbRl1RmTxUk/WvJxBT"));
    }

    #[test]
    fn a_changed_byte_is_not_authentic() {
        let original = bytes(REQUEST);
        // Up to the integrity attribute's value; header fields that break parsing count too.
        for at in 0..original.len() - 8 {
            let mut datagram = original.clone();
            datagram[at] ^= 1;
            let accepted =
                parse(&datagram).is_some_and(|message| is_authentic(&message, "VOkJxbRl1RmTxUk/WvJxBt"));
            assert!(!accepted, "byte {at}");
        }
    }

    #[test]
    fn a_check_in_the_agents_form_is_authentic() {
        let datagram = bytes(REQUEST);
        let form = CheckForm::of(&parse(&datagram).unwrap()).unwrap();
        assert!(!form.controlling);
        let transaction = TransId::new();
        let check = form.request(transaction, "secret").unwrap();
        let message = parse(&check).unwrap();
        assert_eq!(message.trans_id(), transaction);
        assert_eq!(message.username(), Some("evtj:h6vY"));
        assert_eq!(message.prio(), Some(0x6e00_01ff));
        assert!(!message.use_candidate());
        assert!(is_authentic(&message, "secret"));
    }

    proptest! {
        #[test]
        fn no_input_panics(at in 0_usize..108, junk in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut datagram = bytes(REQUEST);
            let end = (at + junk.len()).min(datagram.len());
            datagram[at..end].copy_from_slice(&junk[..end - at]);
            // Not through `parse`, which would hide a panic.
            let _ = StunMessage::parse(&datagram);
            let _ = StunMessage::parse(&junk);
        }
    }
}
