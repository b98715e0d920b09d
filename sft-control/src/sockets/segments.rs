//! Which datagrams for one receiver go together as one message that the kernel cuts (UDP_SEGMENT, Linux 4.18).

use std::ops::Range;

/// Pieces that the kernel makes of one message at most (`UDP_MAX_SEGMENTS` before Linux 6.10).
const MAX_PIECES: usize = 64;
/// Longest UDP payload over IPv4.
const MAX_BYTES: usize = 65_507;

/// Cuts a list of lengths into runs, each of which is one message: all of one length, but the last one may be
/// shorter. What the kernel cuts again are the same datagrams in the same order.
pub(super) fn runs(lengths: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut open: Option<Run> = None;
    for (place, &length) in lengths.iter().enumerate() {
        match open.as_mut().filter(|run| run.takes(length)) {
            Some(run) => run.take(length),
            None => {
                runs.extend(open.take().map(|run| run.places));
                open =
                    Some(Run { places: place..place + 1, piece: length, bytes: length, ended: length == 0 });
            }
        }
    }
    runs.extend(open.map(|run| run.places));
    runs
}

struct Run {
    places: Range<usize>,
    /// Length of all but the last piece.
    piece: usize,
    bytes: usize,
    /// A shorter piece has been taken.
    ended: bool,
}

impl Run {
    fn takes(&self, length: usize) -> bool {
        let fits = self.places.len() < MAX_PIECES && self.bytes + length <= MAX_BYTES;
        // Of an empty piece nothing would be left.
        !self.ended && fits && (1..=self.piece).contains(&length)
    }

    fn take(&mut self, length: usize) {
        self.places.end += 1;
        self.bytes += length;
        self.ended = length < self.piece;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the kernel makes of a message.
    fn cut(lengths: &[usize]) -> Vec<usize> {
        let (piece, total) = (lengths[0], lengths.iter().sum::<usize>());
        if lengths.len() == 1 {
            return vec![total];
        }
        let whole = std::iter::repeat_n(piece, total / piece);
        whole.chain(Some(total % piece).filter(|rest| *rest > 0)).collect()
    }

    proptest! {
        #[test]
        fn the_kernel_cuts_the_same_datagrams(
            lengths in prop::collection::vec(prop_oneof![0..3_usize, Just(100), Just(1200), 0..70_000_usize], 0..300),
        ) {
            let runs = runs(&lengths);
            prop_assert_eq!(runs.concat_places(), (0..lengths.len()).collect::<Vec<_>>());
            for run in runs {
                let together = &lengths[run];
                prop_assert_eq!(cut(together), together);
                prop_assert!(together.len() <= MAX_PIECES);
                prop_assert!(together.len() == 1 || together.iter().sum::<usize>() <= MAX_BYTES);
            }
        }
    }

    trait Places {
        fn concat_places(&self) -> Vec<usize>;
    }

    impl Places for Vec<Range<usize>> {
        fn concat_places(&self) -> Vec<usize> {
            self.iter().cloned().flatten().collect()
        }
    }

    #[test]
    fn packets_of_a_frame_are_one_message() {
        assert_eq!(runs(&[1200, 1200, 1200, 300, 1200, 160, 161]), [0..4, 4..6, 6..7]);
        assert_eq!(runs(&[100; 130]), [0..64, 64..128, 128..130]);
    }
}
