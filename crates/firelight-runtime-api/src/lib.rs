//! firelight-runtime-api
