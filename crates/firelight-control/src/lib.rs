//! firelight-control

pub mod sts;
