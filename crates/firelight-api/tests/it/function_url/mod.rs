//! Function URLs over real sockets.

mod access;
mod answers;
mod origins;
mod streams;
mod visitor;
