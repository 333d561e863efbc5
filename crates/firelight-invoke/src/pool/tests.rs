//! The pool by example: who is served next, what is started for it, what is retired. Environments are numbers here.

use super::*;

fn pool() -> Pool<&'static str, u32> {
    Pool::new(2, 1)
}

#[test]
fn first_request_starts_an_environment_and_gets_it_when_it_is_ready() {
    let mut pool = pool();

    assert_eq!(pool.request("a", || true), Requested::StartOne);
    assert_eq!(pool.started(1, Instant::now()), Freed::Assign("a", 1));
    assert_eq!(
        pool.counts(),
        Counts {
            busy: 1,
            ..Counts::default()
        }
    );
}

#[test]
fn newest_idle_environment_is_taken_first() {
    let mut pool = pool();
    let now = Instant::now();
    for (waiter, environment) in [("a", 1), ("b", 2)] {
        let _ = pool.request(waiter, || true);
        let _ = pool.started(environment, now);
    }

    let _ = pool.finished(1, now);
    let _ = pool.finished(2, now);

    assert_eq!(pool.request("c", || true), Requested::Assign("c", 2));
}

#[test]
fn freed_environment_serves_the_line_before_the_one_that_was_started_for_it() {
    let mut pool = pool();
    let now = Instant::now();
    let _ = pool.request("a", || true);
    let _ = pool.started(1, now);
    assert_eq!(pool.request("b", || true), Requested::StartOne);

    assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

    assert_eq!(pool.started(2, now), Freed::Idle);
}

#[test]
fn environment_with_old_code_is_never_kept() {
    let mut pool = pool();
    let now = Instant::now();
    let _ = pool.request("a", || true);
    let _ = pool.started(1, now);
    let _ = pool.request("b", || true);
    let _ = pool.started(2, now);
    let _ = pool.finished(2, now);

    assert_eq!(pool.close(), vec![2]);

    assert_eq!(pool.finished(1, now), Freed::Retire(1));
    assert!(pool.is_empty());
}

#[test]
fn requests_that_wait_when_the_code_changes_are_still_served() {
    let mut pool = pool();
    let _ = pool.request("a", || true);

    assert_eq!(pool.close(), Vec::<u32>::new());

    assert_eq!(pool.started(1, Instant::now()), Freed::Assign("a", 1));
}

#[test]
fn full_line_refuses() {
    let mut pool = pool();
    let _ = pool.request("a", || true);
    let _ = pool.request("b", || true);

    assert_eq!(pool.request("c", || true), Requested::Refused("c"));
}

#[test]
fn function_that_may_not_scale_still_waits_for_a_start_that_lost_its_request() {
    let mut pool = pool();
    let now = Instant::now();
    let _ = pool.request("a", || true);
    let _ = pool.started(1, now);
    assert_eq!(pool.request("b", || true), Requested::StartOne);
    assert_eq!(pool.request("c", || false), Requested::TooFast("c"));

    assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

    assert_eq!(pool.request("c", || false), Requested::Wait);
}

#[test]
fn request_does_not_count_on_an_environment_that_is_to_be_kept_ready() {
    let mut pool = pool();
    assert_eq!(pool.provision(1), 1);

    assert_eq!(pool.request("a", || true), Requested::StartOne);
    pool.preparing_failed();
    assert_eq!(pool.start_failed(), ["a"]);

    assert_eq!(pool.provision(1), 1);
    let _ = pool.request("b", || true);
    let served = pool.prepared(1, Instant::now());
    assert_eq!(served, Freed::Assign("b", 1), "it serves who waits");
}

#[test]
fn start_that_nobody_needs_any_more_can_be_withdrawn() {
    let mut pool = pool();
    let now = Instant::now();
    let _ = pool.request("a", || true);
    let _ = pool.request("b", || true);
    assert!(!pool.has_superfluous_start());

    let _ = pool.started(1, now);
    assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

    assert!(pool.has_superfluous_start());
    pool.start_withdrawn();
    assert!(!pool.has_superfluous_start());
}

#[test]
fn failed_start_answers_the_request_it_was_for() {
    let mut pool = pool();
    let _ = pool.request("a", || true);

    assert_eq!(pool.start_failed(), ["a"]);
    assert!(pool.is_empty());
}

#[test]
fn provisioned_environments_are_started_ahead_and_neither_expire_nor_make_room() {
    let mut pool = pool();
    let t0 = Instant::now();
    assert_eq!(pool.provision(2), 2);
    let _ = pool.prepared(1, t0);
    let _ = pool.prepared(2, t0);
    assert_eq!(pool.provision(2), 0);

    let later = t0 + Duration::from_secs(3600);
    assert_eq!(
        pool.expire(later, Duration::from_secs(300)),
        Vec::<u32>::new()
    );
    assert_eq!(pool.evict_oldest(), None);

    assert_eq!(pool.provision(1), 0);
    assert_eq!(pool.expire(later, Duration::from_secs(300)), vec![1]);
}

#[test]
fn lost_provisioned_environment_is_started_again() {
    let mut pool = pool();
    let _ = pool.provision(1);
    let _ = pool.prepared(1, Instant::now());
    let _ = pool.request("a", || true);
    let _ = pool.lost_busy();

    assert_eq!(pool.provision(1), 1);
}

#[test]
fn idle_environments_expire_at_the_limit_not_before() {
    let mut pool = pool();
    let t0 = Instant::now();
    let limit = Duration::from_secs(300);
    let _ = pool.request("a", || true);
    let _ = pool.started(1, t0);
    let _ = pool.finished(1, t0);

    assert_eq!(
        pool.expire(t0 + Duration::from_millis(299_999), limit),
        Vec::<u32>::new()
    );
    assert_eq!(pool.expire(t0 + limit, limit), vec![1]);
}
#[test]
fn requests_fill_an_environment_with_seats_before_another_is_started() {
    let (mut pool, now) = (Pool::new(10, 2), Instant::now());
    assert_eq!(pool.request("a", || true), Requested::StartOne);
    assert_eq!(pool.request("b", || true), Requested::Wait);
    assert_eq!(pool.request("c", || true), Requested::StartOne);

    assert_eq!(pool.started(1, now), Freed::Assign("a", 1));
    assert_eq!(pool.next_seat(&1), Some("b"));
    assert_eq!(pool.next_seat(&1), None);
    assert_eq!(pool.started(2, now), Freed::Assign("c", 2));

    assert_eq!(pool.request("d", || true), Requested::Assign("d", 2));
    assert_eq!(pool.request("e", || true), Requested::StartOne);
    assert_eq!(pool.finished(1, now), Freed::Assign("e", 1));
    assert_eq!(pool.counts().busy, 2);
}

#[test]
fn environment_with_seats_is_idle_when_its_last_invocation_ended() {
    let (mut pool, now) = (Pool::new(10, 2), Instant::now());
    let _ = pool.request("a", || true);
    let _ = pool.request("b", || true);
    let _ = pool.started(1, now);
    let _ = pool.next_seat(&1);

    assert_eq!(pool.finished(1, now), Freed::Idle);
    assert_eq!(pool.evict_oldest(), None);
    let _ = pool.close();
    assert_eq!(pool.finished(1, now), Freed::Retire(1));

    assert!(pool.is_empty());
}

#[test]
fn lost_environment_with_seats_is_counted_once() {
    let (mut pool, now) = (Pool::new(10, 2), Instant::now());
    let _ = pool.request("a", || true);
    let _ = pool.request("b", || true);
    let _ = pool.started(1, now);
    let _ = pool.next_seat(&1);
    let _ = pool.request("c", || true);

    assert!(!pool.lost(&1), "one is under way for the line already");
    assert!(!pool.lost(&1));

    assert_eq!(pool.start_failed(), ["c"]);
    assert!(pool.is_empty());
}
