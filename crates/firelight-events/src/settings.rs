//! The settings of asynchronous invocation, with AWS's numbers as defaults where AWS has one.

use std::time::Duration;

use crate::policy::Waits;

/// How events are run. Tests and `firelight dev` shorten the waits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The waits between attempts at an event, and between attempts at a delivery.
    pub waits: Waits,
    /// How long a delivery is tried while its target is unavailable.
    pub delivery_age: Duration,
    /// Events and deliveries in flight at the same time.
    pub in_flight: u32,
    /// Those of one function; no slow function can take all places.
    pub in_flight_per_function: u32,
    /// How long a claimed item stays hidden if this process stops working on it; it is extended while it works.
    pub hold: Duration,
    /// Whether traces that begin here are recorded.
    pub samples_traces: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            waits: Waits::default(),
            delivery_age: Duration::from_secs(21_600),
            in_flight: 512,
            in_flight_per_function: 128,
            hold: Duration::from_secs(60),
            samples_traces: false,
        }
    }
}
