//! A sandbox without walls or processes, driven by tests.
