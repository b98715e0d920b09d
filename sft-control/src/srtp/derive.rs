//! From the master key that DTLS exported to the session keys (RFC 3711 section 4.3).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use sft_common::maps::Profile;

use crate::dataplane::SessionKey;

/// Session keys of one direction.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    pub rtp: SessionKey,
    pub rtcp: SessionKey,
}

/// Labels of the key derivation (RFC 3711 section 4.3.1 and 4.3.2).
struct Labels {
    encryption: u8,
    authentication: u8,
    salt: u8,
}

const RTP: Labels = Labels { encryption: 0, authentication: 1, salt: 2 };
const RTCP: Labels = Labels { encryption: 3, authentication: 4, salt: 5 };
/// Of HMAC-SHA1, in bytes.
pub(super) const AUTHENTICATION_KEY: usize = 20;

/// Derives both keys of one direction, with a key derivation rate of 0.
///
/// # Errors
/// Returns `None` where the master key or salt does not fit the profile.
pub fn session_keys(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Option<SessionKeys> {
    if master_key.len() != profile.key_len() || master_salt.len() != profile.salt_len() {
        return None;
    }
    Some(SessionKeys {
        rtp: session_key(profile, master_key, master_salt, &RTP)?,
        rtcp: session_key(profile, master_key, master_salt, &RTCP)?,
    })
}

fn session_key(profile: Profile, key: &[u8], salt: &[u8], labels: &Labels) -> Option<SessionKey> {
    let authentication = match profile {
        Profile::Aes128CmHmacSha1_80 => keystream(key, salt, labels.authentication, AUTHENTICATION_KEY)?,
        Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Vec::new(),
    };
    Some(SessionKey {
        profile,
        encryption: keystream(key, salt, labels.encryption, profile.key_len())?,
        authentication,
        salt: keystream(key, salt, labels.salt, profile.salt_len())?,
    })
}

/// `length` bytes of the pseudo-random function: AES in counter mode under the master key. A 12-byte salt
/// is taken as the high bytes of a 14-byte one (RFC 7714 section 11).
fn keystream(key: &[u8], salt: &[u8], label: u8, length: usize) -> Option<Vec<u8>> {
    let mut counter = [0; 16];
    counter[..salt.len()].copy_from_slice(salt);
    counter[7] ^= label;
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let mut bytes = vec![0; length];
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?)
        .ok()?
        .less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(counter.into()))
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn counter_mode_keys_match_the_rfc() {
        let key = bytes("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
        let keys = session_keys(Profile::Aes128CmHmacSha1_80, &key, &salt).unwrap();
        assert_eq!(keys.rtp.encryption, bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.rtp.salt, bytes("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(keys.rtp.authentication, bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn directions_and_protocols_share_no_key() {
        for profile in [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80] {
            let key = vec![7; profile.key_len()];
            let salt = vec![9; profile.salt_len()];
            let keys = session_keys(profile, &key, &salt).unwrap();
            assert_eq!(keys.rtp.encryption.len(), profile.key_len());
            assert_eq!(keys.rtp.salt.len(), profile.salt_len());
            assert_ne!(keys.rtp.encryption, keys.rtcp.encryption);
            assert_ne!(keys.rtp.salt, keys.rtcp.salt);
        }
    }

    #[test]
    fn a_master_key_of_another_profile_is_refused() {
        assert!(session_keys(Profile::AeadAes256Gcm, &[0; 16], &[0; 12]).is_none());
        assert!(session_keys(Profile::AeadAes128Gcm, &[0; 16], &[0; 14]).is_none());
    }
}
