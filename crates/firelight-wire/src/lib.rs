//! firelight-wire
