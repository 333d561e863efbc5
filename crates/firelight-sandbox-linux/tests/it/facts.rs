//! What a program finds out about itself inside: asserted, not assumed.
