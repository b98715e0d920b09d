//! Checking STUN messages ourselves: an address pair is validated by a message that carried a password, and
//! by nothing else.

use aws_lc_rs::hmac;
use is::stun::StunMessage;

/// Whether the message carries this password's integrity (RFC 8489 section 14.5).
pub(super) fn is_authentic(message: &StunMessage<'_>, password: &str) -> bool {
    message.verify(password.as_bytes(), hmac_sha1)
}

fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}
