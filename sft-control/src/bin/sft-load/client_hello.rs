//! Restricts the SRTP profiles that a DTLS 1.2 ClientHello offers (RFC 5764 section 4.1.1).
//!
//! The DTLS library offers three profiles and has no setting for it. The list is overwritten with repetitions
//! of the wanted one, so that no length changes. Both ends must see the same bytes: what is done to the
//! message on the wire is done to the transcript that is hashed and signed, too (see `dtls`).

/// Content type of a record that carries handshake messages (RFC 6347 section 4.1).
const HANDSHAKE: u8 = 22;
const RECORD_HEADER: usize = 13;
/// Type, length, message sequence, fragment offset and length (RFC 6347 section 4.2.2).
const MESSAGE_HEADER: usize = 12;
const CLIENT_HELLO: u8 = 1;
const USE_SRTP: u16 = 14;

/// Restricts every ClientHello in a datagram of plaintext records; other datagrams stay as they are.
/// `profile` is a number of the IANA registry "DTLS-SRTP Protection Profiles".
pub(crate) fn restrict_datagram(datagram: &mut [u8], profile: u16) {
    let mut rest = datagram;
    while let Some(header) = rest.first_chunk::<RECORD_HEADER>() {
        let plaintext = header[0] == HANDSHAKE && header[3..5] == [0, 0];
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let Some((record, next)) = rest.split_at_mut_checked(RECORD_HEADER + length) else { return };
        if plaintext {
            restrict_message(&mut record[RECORD_HEADER..], profile);
        }
        rest = next;
    }
}

/// Restricts the ClientHello that `message` begins with. Anything else, and a fragment, stays as it is.
///
/// Returns whether there was one.
pub(crate) fn restrict_message(message: &mut [u8], profile: u16) -> bool {
    let Some(list) = profiles_at(message) else { return false };
    for entry in message[list].chunks_exact_mut(2) {
        entry.copy_from_slice(&profile.to_be_bytes());
    }
    true
}

/// Where the profiles stand in a message that is a whole ClientHello.
fn profiles_at(message: &[u8]) -> Option<std::ops::Range<usize>> {
    let header = message.first_chunk::<MESSAGE_HEADER>()?;
    let length = &header[1..4];
    let whole = header[6..9] == [0, 0, 0] && &header[9..12] == length;
    if header[0] != CLIENT_HELLO || !whole {
        return None;
    }
    let end = MESSAGE_HEADER + length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
    let mut cursor = Cursor { bytes: message.get(..end)?, at: MESSAGE_HEADER };
    cursor.skip(2 + 32)?; // version, random
    cursor.vector(1)?; // session id
    cursor.vector(1)?; // cookie
    cursor.vector(2)?; // cipher suites
    cursor.vector(1)?; // compression methods
    let extensions = cursor.vector(2)?;
    let mut cursor = Cursor { bytes: message.get(..extensions.end)?, at: extensions.start };
    loop {
        let kind = cursor.number(2)?;
        let body = cursor.vector(2)?;
        if kind == usize::from(USE_SRTP) {
            return Cursor { bytes: message.get(..body.end)?, at: body.start }.vector(2);
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, length: usize) -> Option<std::ops::Range<usize>> {
        let range = self.at..self.at.checked_add(length)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        let range = self.skip(width)?;
        Some(self.bytes[range].iter().fold(0, |n, byte| n << 8 | usize::from(*byte)))
    }

    /// The contents of a vector whose length takes `width` bytes.
    fn vector(&mut self, width: usize) -> Option<std::ops::Range<usize>> {
        let length = self.number(width)?;
        self.skip(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello with an unknown extension before `use_srtp` and one after it.
    fn message() -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 2, 0xaa, 0xbb]); // session id, cookie
        body.extend([0, 2, 0xc0, 0x2b, 1, 0]); // suites, compression
        let extensions = [0, 23, 0, 0, 0, 14, 0, 9, 0, 6, 0, 8, 0, 7, 0, 1, 0, 0xff, 1, 0, 1, 0];
        body.extend([0, extensions.len() as u8]);
        body.extend(extensions);
        let length = [0, 0, body.len() as u8];
        let mut message = vec![CLIENT_HELLO];
        message.extend(length);
        message.extend([0, 0, 0, 0, 0]);
        message.extend(length);
        message.extend(body);
        message
    }

    fn record(message: &[u8]) -> Vec<u8> {
        let mut record = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8];
        record.extend(message);
        record
    }

    #[test]
    fn only_the_list_of_profiles_changes() {
        let (before, mut after) = (message(), message());
        assert!(restrict_message(&mut after, 1));
        let list = profiles_at(&before).unwrap();
        assert_eq!(before[list.clone()], [0, 8, 0, 7, 0, 1]);
        assert_eq!(after[list.clone()], [0, 1, 0, 1, 0, 1]);
        assert_eq!(before[..list.start], after[..list.start]);
        assert_eq!(before[list.end..], after[list.end..]);
    }

    #[test]
    fn every_record_of_a_datagram_is_searched() {
        let mut datagram = record(&[1, 2, 3]);
        datagram.extend(record(&message()));
        let start = 2 * RECORD_HEADER + 3;
        restrict_datagram(&mut datagram, 7);
        let list = profiles_at(&datagram[start..]).unwrap();
        assert_eq!(datagram[start..][list], [0, 7, 0, 7, 0, 7]);
    }

    #[test]
    fn encrypted_records_are_left_alone() {
        let mut datagram = record(&message());
        datagram[4] = 1; // epoch
        let before = datagram.clone();
        restrict_datagram(&mut datagram, 7);
        assert_eq!(datagram, before);
    }

    #[test]
    fn fragments_are_left_alone() {
        let mut message = message();
        message[11] -= 1; // fragment length
        assert!(!restrict_message(&mut message, 7));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_given(mut datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            restrict_datagram(&mut datagram, 8);
        }

        #[test]
        fn any_cut_is_left_alone(length in 0usize..80) {
            let whole = message();
            let mut cut = whole[..length.min(whole.len() - 1)].to_vec();
            prop_assert!(!restrict_message(&mut cut, 8));
        }
    }
}
