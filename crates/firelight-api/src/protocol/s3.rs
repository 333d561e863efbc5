//! S3's errors and other documents of our own: XML without a namespace.

use super::answer;
use super::xml::Xml;
use crate::body::Response;
use crate::error::ApiError;

pub(super) fn error(error: &ApiError, request_id: &str) -> Response {
    let mut xml = Xml::document();
    xml.element("Error", |xml| {
        xml.text("Code", &error.code);
        xml.text("Message", &error.message);
        for (name, value) in &error.members {
            xml.text(name, value);
        }
        xml.text("RequestId", request_id);
        xml.text("HostId", request_id);
    });
    answer("application/xml", xml.into_string())
}

/// Answers with a document.
pub(crate) fn s3_document(root: &str, fill: impl FnOnce(&mut Xml)) -> Response {
    let mut xml = Xml::document();
    xml.element(root, fill);
    answer("application/xml", xml.into_string())
}
