//! firelight-store
