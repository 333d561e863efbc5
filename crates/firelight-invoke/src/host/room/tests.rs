//! Room by example: pools are numbers, environments have 128 MB unless said otherwise, and the budget is four of them.

use super::*;

const MB: u64 = 128;
const A: PoolId = PoolId(1);
const B: PoolId = PoolId(2);
const C: PoolId = PoolId(3);

fn room() -> Room<&'static str> {
    Room::new(Budget {
        memory_mb: 4 * MB,
        environments: 10,
    })
}

/// Has a pool take `count` environments.
fn fill(room: &mut Room<&'static str>, pool: PoolId, count: u32, now: Instant) {
    for _ in 0..count {
        assert_eq!(room.ask(pool, MB, "taken", now), Some("taken"));
    }
}

#[test]
fn room_is_given_at_once_while_there_is_some() {
    let (mut room, now) = (room(), Instant::now());

    fill(&mut room, A, 4, now);

    assert_eq!(room.ask(A, MB, "fifth", now), None);
    assert_eq!(room.in_use(), (4 * MB, 4));
    room.give_back(A);
    assert_eq!(room.turn(A, now), Turn::Granted("fifth"));
    assert_eq!(room.turn(A, now), Turn::Over);
}

#[test]
fn environments_are_counted_beside_memory() {
    let mut room = Room::new(Budget {
        memory_mb: 1024,
        environments: 1,
    });
    let now = Instant::now();
    let _ = room.ask(A, MB, "first", now);

    assert_eq!(room.ask(B, MB, "second", now), None);
}

#[test]
fn who_holds_least_is_next_then_who_waits_longest() {
    let (mut room, t0) = (room(), Instant::now());
    fill(&mut room, A, 3, t0);
    fill(&mut room, B, 1, t0);
    assert_eq!(room.ask(A, MB, "a", t0), None);
    assert_eq!(room.ask(B, MB, "b", t0 + TURN), None);
    assert_eq!(room.next(t0 + TURN), Some(B));

    assert_eq!(room.ask(C, MB, "c", t0 + 2 * TURN), None);

    assert_eq!(room.next(t0 + TURN), Some(C));
    room.give_back(A);
    assert_eq!(room.turn(A, t0), Turn::Wait { since: t0 });
    assert_eq!(room.turn(C, t0), Turn::Granted("c"));
}

#[test]
fn small_environments_do_not_overtake_a_large_one() {
    let (mut room, now) = (room(), Instant::now());
    fill(&mut room, A, 3, now);
    assert_eq!(room.ask(B, 2 * MB, "large", now), None);

    assert_eq!(room.ask(A, MB, "small", now), None);
    assert!(!room.take_memory(MB));

    room.give_back(A);
    assert_eq!(room.turn(B, now), Turn::Granted("large"));
}

#[test]
fn what_cannot_be_had_keeps_others_waiting_for_a_while_only() {
    let (mut room, t0) = (room(), Instant::now());
    fill(&mut room, A, 3, t0);
    assert_eq!(room.ask(B, 4 * MB, "everything", t0), None);
    let nearly = t0 + KEPT_FREE.saturating_sub(Duration::from_millis(1));
    assert_eq!(room.ask(C, MB, "small", nearly), None);
    assert_eq!(room.turn(C, nearly), Turn::Wait { since: nearly });

    let later = t0 + KEPT_FREE;
    assert_eq!(room.turn(C, later), Turn::Granted("small"));
    room.give_back(C);
    assert_eq!(room.ask(C, MB, "another", later), Some("another"));
    room.give_back(C);

    (0..3).for_each(|_| room.note_leaving(A));
    assert_eq!(room.ask(C, MB, "late", later), None, "it is coming free");
    (0..3).for_each(|_| room.give_back(A));
    assert_eq!(room.turn(B, later), Turn::Granted("everything"));
}

#[test]
fn what_leaves_already_need_not_be_asked_to_leave_twice() {
    let (mut room, now) = (room(), Instant::now());
    fill(&mut room, A, 4, now);
    let _ = room.ask(B, MB, "b", now);
    assert_eq!(room.turn(B, now), Turn::MakeRoom { since: now });

    room.note_leaving(A);

    assert_eq!(room.turn(B, now), Turn::Wait { since: now });
    assert!(!room.makes_way(A, now));
    room.give_back(A);
    assert_eq!(room.turn(B, now), Turn::Granted("b"));
}

#[test]
fn pool_with_more_makes_way_until_both_hold_alike() {
    let (mut room, now) = (room(), Instant::now());
    fill(&mut room, A, 4, now);
    for _ in 0..4 {
        let _ = room.ask(B, MB, "b", now);
    }

    let mut moved = 0;
    while room.makes_way(A, now) {
        room.give_back(A);
        assert_eq!(room.turn(B, now), Turn::Granted("b"));
        moved += 1;
    }

    assert_eq!(moved, 2);
}

#[test]
fn pool_makes_no_way_for_itself_or_where_nobody_waits() {
    let (mut room, now) = (room(), Instant::now());
    fill(&mut room, A, 4, now);
    assert!(!room.makes_way(A, now));

    let _ = room.ask(A, MB, "more", now);

    assert!(!room.makes_way(A, now));
}

#[test]
fn last_environment_of_a_pool_is_given_away_after_a_turn() {
    let (mut room, t0) = (room(), Instant::now());
    let pools: Vec<_> = (10..14).map(PoolId).collect();
    pools.iter().for_each(|pool| fill(&mut room, *pool, 1, t0));
    let _ = room.ask(A, MB, "a", t0);

    let nearly = t0 + TURN.saturating_sub(Duration::from_millis(1));
    assert!(!room.makes_way(pools[0], nearly));
    assert!(room.makes_way(pools[0], t0 + TURN));
    assert!(!room.makes_way(pools[1], t0 + TURN), "one is enough");

    room.give_back(pools[0]);
    assert_eq!(room.turn(A, t0 + TURN), Turn::Granted("a"));
    let _ = room.ask(pools[0], MB, "back", t0 + TURN);
    assert!(!room.makes_way(A, t0 + TURN), "it has its turn now");
    assert!(room.makes_way(A, t0 + 2 * TURN));
}

#[test]
fn several_small_ones_make_way_for_a_large_one() {
    let (mut room, t0) = (room(), Instant::now());
    fill(&mut room, A, 4, t0);
    let _ = room.ask(B, 4 * MB, "large", t0);

    let left = (0..10).filter(|_| room.makes_way(A, t0 + TURN)).count();

    assert_eq!(left, 4);
    (0..4).for_each(|_| room.give_back(A));
    assert_eq!(room.turn(B, t0 + TURN), Turn::Granted("large"));
}

#[test]
fn what_is_withdrawn_or_expired_is_not_waited_for() {
    let (mut room, t0) = (room(), Instant::now());
    fill(&mut room, A, 4, t0);
    for (what, since) in [("first", t0), ("second", t0), ("third", t0 + TURN)] {
        assert_eq!(room.ask(B, MB, what, since), None);
    }

    assert_eq!(room.withdraw(B, |what| *what == "second"), Some("second"));
    assert_eq!(room.expire(B, t0), ["first"]);
    assert_eq!(room.turn(B, t0), Turn::MakeRoom { since: t0 + TURN });
    assert_eq!(room.withdraw(B, |_| true), Some("third"));

    assert_eq!(room.turn(B, t0), Turn::Over);
    assert_eq!(room.next(t0), None);
}
