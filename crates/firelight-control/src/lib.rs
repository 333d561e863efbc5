//! firelight-control
