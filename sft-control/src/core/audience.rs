//! Who hears whom: the receivers of each member's audio.
//!
//! Where everybody authorises everybody, all members of a large conference share one list, which names each of
//! them. While authorisations trickle in every member's would be another one, together the square of the
//! conference; so their length is bounded, and a member for which there is no room keeps to a list that it may
//! use until there is.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use super::{
    conference::{Conference, Member},
    seats::{Seat, Seats},
    table::Subscription,
};

/// Legs from which on lists name the source's own leg, too. In smaller conferences a copy that ends there would
/// cost more than the lists.
const SHARED_FROM: usize = 32;
/// Entries of all lists of a conference: so many for each leg, but at least what a conference without shared
/// lists needs.
const ENTRIES_PER_LEG: usize = 16;
const ENTRIES: usize = SHARED_FROM * SHARED_FROM;

/// The lists of a conference's table, by whom they name.
#[derive(Debug, Default)]
pub(super) struct Audiences(HashMap<Seats, Arc<[Subscription]>>);

impl Audiences {
    /// The seat is somebody else's from now on.
    pub(super) fn forget(&mut self, seat: Seat) {
        self.0.retain(|seats, _| !seats.contains(seat));
    }

    pub(super) fn of(&self, member: &Member) -> Arc<[Subscription]> {
        self.0.get(&member.audience).cloned().unwrap_or_default()
    }
}

impl Conference {
    /// Decides who is in each member's audience, and makes the lists for that.
    pub(super) fn choose_audiences(&mut self) {
        let size = self.established().count();
        let shared = size > SHARED_FROM;
        let wanted: Vec<Seats> = self.members.iter().map(|member| member.wanted_audience(shared)).collect();
        let before: Vec<Seats> =
            self.members.iter().zip(&wanted).map(|(member, wanted)| member.audience.and(wanted)).collect();
        let audiences = assign(&before, &wanted, ENTRIES.max(ENTRIES_PER_LEG * size));
        for (member, audience) in self.members.iter_mut().zip(audiences) {
            member.audience.clone_from(audience);
        }
        let mut lists = HashMap::new();
        for member in self.members.iter().filter(|member| !member.audience.is_empty()) {
            if !lists.contains_key(&member.audience) {
                let known = self.audiences.0.remove(&member.audience);
                let list = known.unwrap_or_else(|| self.list(&member.audience));
                lists.insert(member.audience.clone(), list);
            }
        }
        self.audiences = Audiences(lists);
    }

    /// In join order.
    fn list(&self, audience: &Seats) -> Arc<[Subscription]> {
        let hearers = self.established().filter(|member| audience.contains(member.seat));
        hearers
            .map(|member| Subscription { receiver: member.leg, slot: 0, run: 0, from_keyframe: false })
            .collect()
    }
}

impl Member {
    fn wanted_audience(&self, shared: bool) -> Seats {
        let mut audience = self.hearers();
        audience.remove(self.seat);
        if shared && !audience.is_empty() {
            audience.insert(self.seat);
        }
        audience
    }
}

/// Gives each member the audience that it wants, as far as there is room for lists: first for what each had
/// `before`, then for what most want. Whoever gets nothing better shares the largest of these lists that names
/// nobody it does not want.
fn assign<'a>(before: &'a [Seats], wanted: &'a [Seats], room: usize) -> Vec<&'a Seats> {
    let by_wish = by_popularity(wanted);
    if by_wish.iter().map(|(seats, _)| seats.len()).sum::<usize>() <= room {
        return wanted.iter().collect();
    }
    let mut lists = Lists { members: HashMap::new(), room };
    let mut assigned: Vec<Option<&Seats>> = vec![None; wanted.len()];
    for (seats, members) in by_popularity(before).into_iter().chain(by_wish) {
        members.iter().for_each(|member| lists.release(assigned[*member]));
        let fits = lists.fits(seats);
        for member in members {
            assigned[member] = if fits { Some(seats) } else { assigned[member] };
            lists.take(assigned[member]);
        }
    }
    let (none, mut best) = (const { &Seats::NONE }, assigned.iter().copied().flatten().collect::<Vec<_>>());
    best.sort_by_key(|seats| Reverse(seats.len()));
    best.dedup();
    let choose = |(own, wanted): (Option<&'a Seats>, &Seats)| {
        let own = own.unwrap_or(none);
        let larger = best.iter().take_while(|seats| seats.len() > own.len());
        larger.copied().find(|seats| seats.is_subset(wanted)).unwrap_or(own)
    };
    assigned.into_iter().zip(wanted).map(choose).collect()
}

/// Each set once, with the members that have it; those that most have come first.
fn by_popularity(of_members: &[Seats]) -> Vec<(&Seats, Vec<usize>)> {
    let mut places = HashMap::new();
    let mut sets: Vec<(&Seats, Vec<usize>)> = Vec::new();
    for (member, seats) in of_members.iter().enumerate() {
        let place = *places.entry(seats).or_insert(sets.len());
        match sets.get_mut(place) {
            Some((_, members)) => members.push(member),
            None => sets.push((seats, vec![member])),
        }
    }
    sets.sort_by_key(|(seats, members)| Reverse((members.len(), seats.len())));
    sets
}

/// Lists that are in use, and the room that they leave.
struct Lists<'a> {
    members: HashMap<&'a Seats, usize>,
    /// Entries.
    room: usize,
}

impl<'a> Lists<'a> {
    fn fits(&self, seats: &Seats) -> bool {
        self.members.contains_key(seats) || seats.len() <= self.room
    }

    fn take(&mut self, seats: Option<&'a Seats>) {
        let Some(seats) = seats else { return };
        let members = self.members.entry(seats).or_default();
        if *members == 0 {
            self.room = self.room.saturating_sub(seats.len());
        }
        *members += 1;
    }

    fn release(&mut self, seats: Option<&'a Seats>) {
        let Some(members) = seats.and_then(|seats| self.members.get_mut(seats)) else { return };
        *members -= 1;
        if let Some(seats) = seats.filter(|_| *members == 0) {
            self.members.remove(seats);
            self.room += seats.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(of: std::ops::Range<usize>) -> Seats {
        let (mut seats, mut all) = (Seats::default(), Seats::default());
        for number in 0..of.end {
            let seat = all.first_free();
            all.insert(seat);
            seats.set(seat, of.contains(&number));
        }
        seats
    }

    #[test]
    fn with_room_everybody_gets_what_it_wants() {
        let (a, b) = (seats(0..10), seats(0..20));
        let wanted = [a.clone(), b.clone(), a.clone()];
        assert_eq!(assign(&vec![Seats::default(); 3], &wanted, 30), [&a, &b, &a]);
    }

    #[test]
    fn without_room_most_get_what_they_want_and_others_what_they_may_share() {
        let (many, larger, other) = (seats(0..10), seats(0..20), seats(20..40));
        let wanted = [larger, many.clone(), many.clone(), other];
        assert_eq!(assign(&vec![Seats::default(); 4], &wanted, 25), [&many, &many, &many, &Seats::NONE]);
    }

    #[test]
    fn what_a_member_has_is_not_taken_from_it() {
        let (old, many) = (seats(0..15), seats(20..40));
        let before = [old.clone(), Seats::default(), Seats::default()];
        let wanted = [seats(0..18), many.clone(), many];
        assert_eq!(assign(&before, &wanted, 17), [&old, &Seats::NONE, &Seats::NONE]);
    }
}
