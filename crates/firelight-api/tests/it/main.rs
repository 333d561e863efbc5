//! The front door over real sockets: raw HTTP in, raw HTTP out.

mod signed;
mod support;
mod wire;
