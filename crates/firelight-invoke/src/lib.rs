//! firelight-invoke
