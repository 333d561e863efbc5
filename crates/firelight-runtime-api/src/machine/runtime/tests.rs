//! The runtime's state machine: each step by example, then any order of steps against a model of who waits and who runs.
//!
//! Deliberately absent: connections and time. What a client sees of these states stands in `tests/it`.

use proptest::prelude::*;

use super::*;

fn polling(max_concurrency: usize) -> RuntimeMachine {
    let mut machine = RuntimeMachine::new(max_concurrency);
    let Next::Park { first: true, .. } = machine.poll() else {
        panic!("the first poll parks")
    };
    machine
}

#[test]
fn first_poll_ends_init_and_later_ones_do_not() {
    let mut machine = RuntimeMachine::new(1);

    assert!(!machine.is_initialized());
    assert!(matches!(
        machine.poll(),
        Next::Park {
            first: true,
            superseded: None,
            ..
        }
    ));
    assert!(matches!(
        machine.poll(),
        Next::Park {
            first: false,
            superseded: Some(_),
            ..
        }
    ));
    assert!(machine.is_idle());
}

#[test]
fn invocation_offered_before_the_first_poll_is_taken_by_it() {
    let mut machine = RuntimeMachine::new(1);

    assert_eq!(machine.offer("a"), Handout::Later);
    assert_eq!(machine.state(), RuntimeState::Started);
    assert_eq!(
        machine.poll(),
        Next::HandOut {
            request_id: "a".to_owned(),
            first: true
        }
    );
    assert_eq!(machine.state(), RuntimeState::Running);
}

#[test]
fn poll_while_running_gets_the_same_invocation_again() {
    let mut machine = polling(1);
    assert!(matches!(machine.offer("a"), Handout::To(_)));

    let again = Next::HandOut {
        request_id: "a".to_owned(),
        first: false,
    };
    assert_eq!(machine.poll(), again);
    assert_eq!(machine.poll(), again);
}

#[test]
fn poll_in_the_middle_of_an_answer_is_refused_by_the_names_of_the_states() {
    let mut machine = polling(1);
    let _ = machine.offer("a");
    machine.begin_answer("a", AnswerKind::Response).unwrap();

    let Next::Refuse(step) = machine.poll() else {
        panic!("the poll is refused")
    };

    assert_eq!(
        step.to_string(),
        "State transition from InvocationResponse to Ready failed"
    );
}

#[test]
fn answer_to_an_unknown_old_or_answered_invocation_is_refused() {
    let mut machine = polling(1);
    let _ = machine.offer("a");

    assert_eq!(
        machine.begin_answer("b", AnswerKind::Error),
        Err(AnswerRefused::UnknownId)
    );
    machine.begin_answer("a", AnswerKind::Error).unwrap();
    machine.finish_answer("a");
    assert_eq!(
        machine.begin_answer("a", AnswerKind::Error),
        Err(AnswerRefused::UnknownId)
    );
    assert_eq!(machine.state(), RuntimeState::ResponseSent);
}

#[test]
fn second_answer_while_the_first_is_being_received_is_refused() {
    let mut machine = polling(1);
    let _ = machine.offer("a");
    machine.begin_answer("a", AnswerKind::Response).unwrap();

    let refused = machine.begin_answer("a", AnswerKind::Error);

    assert!(matches!(refused, Err(AnswerRefused::Forbidden(_))));
}

#[test]
fn init_error_is_taken_from_a_starting_runtime_only() {
    let mut machine = RuntimeMachine::new(1);
    assert_eq!(machine.init_error(), Ok(InitErrorAs::Init));
    assert!(machine.init_error().is_err());
    assert!(matches!(machine.poll(), Next::Refuse(_)));

    assert!(polling(1).init_error().is_err());
}

#[test]
fn restored_runtime_polls_or_reports_but_not_before_the_restore() {
    let mut machine = RuntimeMachine::new(1);
    machine.restore_next().unwrap();
    assert!(matches!(machine.poll(), Next::Refuse(_)));
    assert!(machine.restore_error().is_err());

    machine.restore().unwrap();
    assert_eq!(machine.state(), RuntimeState::Restoring);
    assert!(matches!(machine.poll(), Next::Park { first: true, .. }));
    assert!(machine.restore_next().is_err());
}

#[test]
fn late_answer_to_an_aborted_invocation_is_a_timeout_where_several_run() {
    let mut machine = polling(2);
    let _ = machine.offer("a");
    machine.abort("a");

    assert_eq!(
        machine.begin_answer("a", AnswerKind::Response),
        Err(AnswerRefused::TimedOut)
    );

    let mut machine = polling(1);
    let _ = machine.offer("a");
    machine.abort("a");
    assert_eq!(
        machine.begin_answer("a", AnswerKind::Response),
        Err(AnswerRefused::UnknownId)
    );
}

/// One thing that may happen; ids come from a small set so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    Poll,
    Offer(u8),
    Begin(u8),
    Finish(u8),
    Abort(u8),
    LosePoll(u8),
    TakeBack(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..4_u8;
    let step = prop_oneof![
        3 => Just(Step::Poll),
        3 => id.clone().prop_map(Step::Offer),
        3 => id.clone().prop_map(Step::Begin),
        3 => id.clone().prop_map(Step::Finish),
        1 => id.clone().prop_map(Step::Abort),
        1 => id.clone().prop_map(Step::LosePoll),
        1 => id.prop_map(Step::TakeBack),
    ];
    proptest::collection::vec(step, 0..64)
}

/// What an observer outside knows: which invocations are in flight, which were handed out, which polls wait.
#[derive(Default)]
struct Observer {
    in_flight: Vec<String>,
    handed_out: Vec<String>,
    answering: Vec<String>,
    parked: Vec<ParkId>,
}

impl Observer {
    fn apply(&mut self, machine: &mut RuntimeMachine, step: &Step) {
        match step {
            Step::Poll => self.poll(machine),
            Step::Offer(id) => self.offer(machine, id.to_string()),
            Step::Begin(id) => self.begin(machine, id.to_string()),
            Step::Finish(id) => self.finish(machine, &id.to_string()),
            Step::Abort(id) => {
                machine.abort(&id.to_string());
                self.forget(&id.to_string());
            }
            Step::LosePoll(position) => self.lose_poll(machine, usize::from(*position)),
            Step::TakeBack(id) => self.take_back(machine, &id.to_string()),
        }
    }

    fn poll(&mut self, machine: &mut RuntimeMachine) {
        match machine.poll() {
            Next::Park { id, superseded, .. } => {
                self.parked.retain(|parked| Some(*parked) != superseded);
                self.parked.push(id);
            }
            Next::HandOut { request_id, .. } => {
                assert!(self.in_flight.contains(&request_id));
                assert!(!self.answering.contains(&request_id));
                self.handed_out.push(request_id);
            }
            Next::Refuse(_) => assert!(!self.answering.is_empty()),
        }
    }

    fn offer(&mut self, machine: &mut RuntimeMachine, id: String) {
        match machine.offer(&id) {
            Handout::Full => {}
            Handout::Later => self.in_flight.push(id),
            Handout::To(park) => {
                self.in_flight.push(id.clone());
                self.hand_to(park, id);
            }
        }
    }

    fn hand_to(&mut self, park: ParkId, id: String) {
        assert!(
            self.parked.contains(&park),
            "handed to a poll that does not wait"
        );
        self.parked.retain(|parked| *parked != park);
        self.handed_out.push(id);
    }

    fn begin(&mut self, machine: &mut RuntimeMachine, id: String) {
        match machine.begin_answer(&id, AnswerKind::Response) {
            Ok(()) => {
                assert!(
                    self.handed_out.contains(&id),
                    "answered before it was handed out"
                );
                assert!(!self.answering.contains(&id), "answered twice");
                self.answering.push(id);
            }
            Err(AnswerRefused::UnknownId | AnswerRefused::TimedOut) => {
                assert!(!self.in_flight.contains(&id) || !self.handed_out.contains(&id));
            }
            Err(AnswerRefused::Forbidden(_)) => assert!(self.answering.contains(&id)),
        }
    }

    /// The shell finishes only what it began.
    fn finish(&mut self, machine: &mut RuntimeMachine, id: &str) {
        if self.answering.iter().any(|answering| answering == id) {
            machine.finish_answer(id);
            self.forget(id);
        }
    }

    fn forget(&mut self, id: &str) {
        for known in [
            &mut self.in_flight,
            &mut self.handed_out,
            &mut self.answering,
        ] {
            known.retain(|one| one != id);
        }
    }

    fn lose_poll(&mut self, machine: &mut RuntimeMachine, position: usize) {
        if position < self.parked.len() {
            assert!(machine.unpark(self.parked.remove(position)));
        }
    }

    /// The shell takes back only what it handed out and nobody began to answer.
    fn take_back(&mut self, machine: &mut RuntimeMachine, id: &str) {
        let is_running = self.handed_out.iter().any(|one| one == id)
            && !self.answering.iter().any(|one| one == id);
        if !is_running {
            return;
        }
        self.handed_out.retain(|one| one != id);
        if let Handout::To(park) = machine.take_back(id) {
            self.hand_to(park, id.to_owned());
        }
    }
}

proptest! {
    #[test]
    fn every_invocation_is_handed_out_answered_once_and_nothing_exceeds_its_bound(
        max_concurrency in 1..4_usize,
        steps in steps(),
    ) {
        let mut machine = RuntimeMachine::new(max_concurrency);
        let mut observer = Observer::default();
        for step in &steps {
            observer.apply(&mut machine, step);

            prop_assert_eq!(machine.in_flight(), observer.in_flight.len());
            prop_assert!(machine.in_flight() <= max_concurrency);
            prop_assert!(observer.parked.len() <= max_concurrency);
            let waits_unserved = observer.in_flight.len() > observer.handed_out.len();
            prop_assert!(!waits_unserved || observer.parked.is_empty(), "work and a poll both wait");
            let is_idle = observer.in_flight.is_empty() && !observer.parked.is_empty();
            prop_assert_eq!(machine.is_idle(), is_idle);
        }
    }
}
