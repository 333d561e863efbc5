//! firelight-sandbox-linux
