//! firelight-api
