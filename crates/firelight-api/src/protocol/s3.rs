//! S3's errors: XML without a namespace.

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
