//! firelight-model
