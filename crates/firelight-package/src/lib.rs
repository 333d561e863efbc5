//! firelight-package
