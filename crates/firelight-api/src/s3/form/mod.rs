//! Objects that a browser uploads from a form, without a signature of its own: the policy in the form is signed.
//!
//! ```text
//!  POST /bucket ──► fields ──► policy holds? ──► PUT /bucket/key with the file ──► answer as the form wishes
//!                                  └──► claim: who signed the policy
//! ```
//!
//! Deliberately absent: secrets and permissions, which the front door has.

mod claim;
mod multipart;
mod policy;

use std::pin::Pin;

use bytes::Bytes;
use firelight_s3::{CONTENT_HEADERS, Refusal, tags_as_query};
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, HOST, HeaderName, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use self::claim::FormClaim;
use self::multipart::Form;
use self::policy::FormPolicy;
use super::access::decoded_name;
use crate::body::{RequestBody, Response, ResponseBody};
use crate::head::base_url;
use crate::protocol::s3_document;

/// How other fields begin that are headers of the object, beside those about its content.
const HEADER_PREFIXES: [&str; 6] = [
    "x-amz-checksum-",
    "x-amz-meta-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];
/// What needs no escape in the path of an object.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');
const FILENAME: &str = "${filename}";

/// The content of an uploaded file as it comes.
pub(crate) type File = Pin<Box<dyn Stream<Item = Result<Bytes, Refusal>> + Send>>;

/// An upload whose form is in order; who sent it is not known yet.
pub(crate) struct FormUpload {
    bucket: String,
    key: String,
    form: Form,
    claim: Option<FormClaim>,
    policy: Option<FormPolicy>,
}

/// The request that a form stands for.
pub(crate) struct FormPut {
    pub(crate) head: Parts,
    pub(crate) file: File,
    pub(crate) wish: Wish,
}

/// How the answer to a form is wanted.
pub(crate) struct Wish {
    bucket: String,
    key: String,
    location: String,
    redirect: Option<Uri>,
    status: StatusCode,
}

/// Marks a request that was a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfForm;

impl FormUpload {
    /// Tells whether a request is an upload from a form.
    pub(crate) fn is_one(request: &Parts) -> bool {
        let name = decoded_name(request);
        let is_about_bucket = match name.split_once('/') {
            Some((bucket, key)) => !bucket.is_empty() && key.is_empty(),
            None => !name.is_empty(),
        };
        request.method == Method::POST && is_about_bucket && boundary(request).is_some()
    }

    /// Reads the fields and checks them against the policy.
    pub(crate) async fn open(
        request: &Parts,
        body: RequestBody,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let boundary = boundary(request).ok_or_else(Refusal::malformed_form)?;
        let mut form = Form::open(&boundary, body.into_stream()).await?;
        refuse_repetition(&form.fields)?;
        let bucket = decoded_name(request);
        let bucket = bucket.trim_end_matches('/').to_owned();
        let key = named_key(&mut form)?;
        let claim = FormClaim::read(&form.fields)?;
        let policy = field(&form.fields, "policy").map(FormPolicy::parse);
        let policy = policy.transpose()?;
        if let Some(policy) = &policy {
            policy.check(&bucket, &form.fields, now)?;
        }
        Ok(Self {
            bucket,
            key,
            form,
            claim,
            policy,
        })
    }

    /// Returns who signed the policy; `None` for a form without one.
    pub(crate) fn claim(&self) -> Option<&FormClaim> {
        self.claim.as_ref()
    }

    /// Turns the form into the request that it stands for.
    pub(crate) fn into_put(self, request: &Parts) -> Result<FormPut, Refusal> {
        let key = utf8_percent_encode(&self.key, ESCAPED);
        let path = format!("/{}/{key}", self.bucket);
        let (mut head, ()) = http::Request::put(&path)
            .body(())
            .map_err(|_| Refusal::malformed_form())?
            .into_parts();
        head.headers = headers(&self.form.fields)?;
        head.headers
            .insert(HOST, HeaderValue::from_static("s3.localhost"));
        head.extensions.insert(OfForm);
        let base = base_url(request);
        let location = match request.uri.path() {
            "/" => format!("{base}/{key}"),
            _ => format!("{base}{path}"),
        };
        let wish = Wish::read(&self.form.fields, &self.bucket, &self.key, location);
        let length = self.policy.and_then(|policy| policy.length);
        let (least, most) = length.map_or((0, u64::MAX), |length| length.into_inner());
        let file = Box::pin(measured(self.form.into_file(), least, most));
        Ok(FormPut { head, file, wish })
    }
}

fn boundary(request: &Parts) -> Option<String> {
    let content_type = request.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    multipart::boundary(content_type)
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

fn missing(field: &str) -> Refusal {
    let text = format!(
        "Bucket POST must contain a field named '{field}'.  If it is specified, please check the \
         order of the fields."
    );
    Refusal::invalid_argument(field, "", text)
}

/// A field that stands twice might be checked as one and used as the other.
fn refuse_repetition(fields: &[(String, String)]) -> Result<(), Refusal> {
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let text = format!("POST requires the field '{}' at most once.", pair[0]);
            Err(Refusal::invalid_argument(pair[0], "", text))
        }
        None => Ok(()),
    }
}

/// Returns the key, with the name of the file where the form wants it; from here on it stands so in the field, too.
fn named_key(form: &mut Form) -> Result<String, Refusal> {
    let filename = form.filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let key = form.fields.iter_mut().find(|(name, _)| name == "key");
    let key = key.map(|(_, key)| {
        *key = key.replace(FILENAME, filename);
        key.clone()
    });
    key.filter(|key| !key.is_empty())
        .ok_or_else(|| missing("key"))
}

/// Returns the fields that are headers of the object.
fn headers(fields: &[(String, String)]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let (header, value) = match name.as_str() {
            "acl" => ("x-amz-acl", value.clone()),
            "tagging" => ("x-amz-tagging", tags_as_query(value)?),
            name if is_header(name) => (name, value.clone()),
            _ => continue,
        };
        let unfit = || Refusal::invalid_argument(name, &value, "The field is not valid.");
        let header = HeaderName::try_from(header).map_err(|_| unfit())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unfit())?;
        headers.insert(header, value);
    }
    Ok(headers)
}

fn is_header(name: &str) -> bool {
    let mut prefixes = HEADER_PREFIXES.iter();
    CONTENT_HEADERS.contains(&name) || prefixes.any(|prefix| name.starts_with(prefix))
}

/// Ends with a refusal where the file is shorter or longer than the policy lets it be.
fn measured(
    file: impl Stream<Item = Result<Bytes, Refusal>> + Send,
    least: u64,
    most: u64,
) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
    let ended = file.map(|piece| piece.map(Some)).chain(end());
    let measured = ended.scan(0_u64, move |length, piece| {
        let piece = piece.and_then(|piece| match piece {
            Some(bytes) => {
                *length += bytes.len() as u64;
                let is_long = *length > most;
                (!is_long)
                    .then_some(bytes)
                    .ok_or_else(|| Refusal::entity_too_large(*length, most))
            }
            None if *length < least => Err(Refusal::upload_too_small(*length, least)),
            None => Ok(Bytes::new()),
        });
        std::future::ready(Some(piece))
    });
    measured.filter(|piece| {
        let is_end = piece.as_ref().is_ok_and(Bytes::is_empty);
        std::future::ready(!is_end)
    })
}

fn end() -> impl Stream<Item = Result<Option<Bytes>, Refusal>> + Send {
    futures_util::stream::once(std::future::ready(Ok(None)))
}

impl Wish {
    fn read(fields: &[(String, String)], bucket: &str, key: &str, location: String) -> Self {
        let redirect = field(fields, "success_action_redirect").or(field(fields, "redirect"));
        let redirect = redirect.and_then(|uri| uri.parse::<Uri>().ok());
        let status = match field(fields, "success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            location,
            redirect: redirect.filter(|uri| uri.scheme().is_some()),
            status,
        }
    }

    /// Turns the answer to the request into that to the form.
    pub(crate) fn answer(self, mut put: Response) -> Response {
        if put.status() != StatusCode::OK {
            return put;
        }
        let etag = put
            .headers()
            .get("etag")
            .and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let (status, location, body) = match &self.redirect {
            Some(redirect) => (
                StatusCode::SEE_OTHER,
                self.redirection(redirect, &etag),
                None,
            ),
            None => (self.status, self.location.clone(), self.document(&etag)),
        };
        *put.status_mut() = status;
        if let Ok(location) = HeaderValue::try_from(location) {
            put.headers_mut().insert(LOCATION, location);
        }
        match body {
            Some(document) => {
                let mut answer = document;
                *answer.status_mut() = status;
                answer
                    .headers_mut()
                    .extend(std::mem::take(put.headers_mut()));
                answer
            }
            None => {
                *put.body_mut() = ResponseBody::empty();
                put
            }
        }
    }

    fn redirection(&self, redirect: &Uri, etag: &str) -> String {
        let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let sign = if redirect.query().is_some() { '&' } else { '?' };
        format!(
            "{redirect}{sign}bucket={}&key={}&etag={}",
            escape(&self.bucket),
            escape(&self.key),
            escape(etag)
        )
    }

    /// Only who asks for 201 is told more.
    fn document(&self, etag: &str) -> Option<Response> {
        if self.status != StatusCode::CREATED {
            return None;
        }
        Some(s3_document("PostResponse", |xml| {
            xml.text("Location", &self.location);
            xml.text("Bucket", &self.bucket);
            xml.text("Key", &self.key);
            xml.text("ETag", etag);
        }))
    }
}
