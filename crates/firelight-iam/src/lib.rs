//! firelight-iam
