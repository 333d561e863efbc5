//! Runtimes as data, the interpreters of this host, and the bootstraps that run handlers.
