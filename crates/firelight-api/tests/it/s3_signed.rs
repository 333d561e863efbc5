//! Corners of signatures at S3: what is refused, and in which words.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use firelight_api::Authentication;

use crate::support::{Answer, ROOT_KEY_ID, ROOT_SECRET, Server, server};

const DIGEST: &str = "x-amz-content-sha256";
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What to sign.
struct Draft {
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    time: SystemTime,
    /// Signs a URL that is good for so long, instead of a header.
    life: Option<Duration>,
}

impl Draft {
    fn get(path: &'static str) -> Self {
        Self {
            path,
            headers: vec![(DIGEST, OF_NOTHING)],
            time: SystemTime::now(),
            life: None,
        }
    }

    fn url(path: &'static str) -> Self {
        Self {
            headers: Vec::new(),
            life: Some(Duration::from_secs(60)),
            ..Self::get(path)
        }
    }

    /// Returns the request line and the headers, ready to be tampered with.
    fn signed(&self, server: &Server) -> String {
        let host = server.address.to_string();
        let uri = format!("http://{host}{}", self.path);
        let mut request = http::Request::get(&uri).header("host", &host);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let identity = Credentials::new(ROOT_KEY_ID, ROOT_SECRET, None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = self.life;
        if self.life.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let body = match self.headers.iter().find(|(name, _)| *name == DIGEST) {
            Some((_, digest)) => SignableBody::Precomputed((*digest).to_owned()),
            None if self.life.is_some() => SignableBody::UnsignedPayload,
            None => SignableBody::Bytes(b""),
        };
        let headers = [("host", host.as_str())];
        let headers = headers.into_iter().chain(self.headers.iter().copied());
        let signable = SignableRequest::new("GET", &uri, headers, body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let target = request.uri().path_and_query().unwrap();
        let mut text = format!("GET {target} HTTP/1.1\r\n");
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        text
    }

    async fn send(&self, server: &Server) -> Answer {
        let text = self.signed(server);
        send(server, &text).await
    }
}

async fn send(server: &Server, head: &str) -> Answer {
    server
        .send(format!("{head}Connection: close\r\n\r\n"))
        .await
}

/// What a genuine request for a bucket that is not there gets.
fn is_genuine(answer: &Answer) -> bool {
    answer.status == 404 && answer.element("Code") == "NoSuchBucket"
}

fn refusal(answer: &Answer) -> (u16, &str, &str) {
    (
        answer.status,
        answer.element("Code"),
        answer.element("Message"),
    )
}

#[tokio::test]
async fn path_and_query_are_signed_as_they_stand() {
    let server = server(Authentication::Required).await;

    for path in [
        "/none/a//b/../c/./d%2Fe",
        "/none/%C3%A4%20%2B%25",
        "/none?list-type=2&x=&x=a%2Bb&delimiter=%2F",
        "/none?versions",
    ] {
        for draft in [Draft::get(path), Draft::url(path)] {
            let answer = draft.send(&server).await;
            assert!(is_genuine(&answer), "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn blanks_around_and_within_a_signed_header_are_folded() {
    let server = server(Authentication::Required).await;
    let mut draft = Draft::get("/none/key");
    draft.headers.push(("x-amz-meta-words", "one two"));

    let spaced = draft.signed(&server).replace("one two", "  one \t  two  ");

    let answer = send(&server, &spaced).await;
    assert!(is_genuine(&answer), "{}", answer.body);
}

#[tokio::test]
async fn header_that_steers_must_be_signed() {
    let server = server(Authentication::Required).await;
    let signed = Draft::get("/none/key").signed(&server);
    let doubled = format!("{signed}{DIGEST}: {OF_NOTHING}\r\n");
    let unsigned = format!("{signed}x-amz-copy-source: /other/key\r\n");

    let answer = send(&server, &unsigned).await;
    assert_eq!(
        refusal(&answer),
        (
            403,
            "AccessDenied",
            "There were headers present in the request which were not signed"
        )
    );
    assert_eq!(answer.element("HeadersNotSigned"), "x-amz-copy-source");
    let doubled = send(&server, &doubled).await;
    assert_eq!(doubled.element("Code"), "SignatureDoesNotMatch");
    let hostless = signed.replace("SignedHeaders=host;", "SignedHeaders=");
    let answer = send(&server, &hostless).await;
    assert_eq!(answer.element("HeadersNotSigned"), "host");
}

#[tokio::test]
async fn who_signed_otherwise_sees_where_the_two_differ() {
    let server = server(Authentication::Required).await;
    let signed = Draft::get("/none/key").signed(&server);

    let answer = send(&server, &signed.replace("/none/key", "/none/other")).await;

    assert_eq!(
        (answer.status, answer.element("Code")),
        (403, "SignatureDoesNotMatch")
    );
    assert_eq!(answer.element("AWSAccessKeyId"), ROOT_KEY_ID);
    assert!(
        answer
            .element("CanonicalRequest")
            .starts_with("GET\n/none/other\n\nhost:")
    );
    assert!(
        answer
            .element("StringToSign")
            .starts_with("AWS4-HMAC-SHA256\n")
    );
    assert_eq!(answer.element("SignatureProvided").len(), 64);
}

#[tokio::test]
async fn clock_may_be_a_quarter_of_an_hour_off() {
    let server = server(Authentication::Required).await;
    let now = SystemTime::now();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let at = |time| Draft {
        time,
        ..Draft::get("/none")
    };

    assert!(is_genuine(&at(now - minutes(14)).send(&server).await));
    for time in [now - minutes(16), now + minutes(16)] {
        let answer = at(time).send(&server).await;
        assert_eq!(
            refusal(&answer),
            (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large."
            )
        );
        assert_eq!(answer.element("MaxAllowedSkewMilliseconds"), "900000");
    }
}

#[tokio::test]
async fn url_is_good_from_its_date_for_as_long_as_it_says() {
    let server = server(Authentication::Required).await;
    let now = SystemTime::now();
    let at = |time| Draft {
        time,
        ..Draft::url("/none")
    };

    let expired = at(now - Duration::from_secs(62)).send(&server).await;
    let future = at(now + Duration::from_secs(1000)).send(&server).await;

    assert_eq!(
        refusal(&expired),
        (403, "AccessDenied", "Request has expired")
    );
    assert_eq!(expired.element("X-Amz-Expires"), "60");
    assert!(expired.element("Expires") < expired.element("ServerTime"));
    assert_eq!(
        refusal(&future),
        (403, "AccessDenied", "Request is not yet valid")
    );
}

#[tokio::test]
async fn url_with_a_part_missing_or_wrong_is_refused_by_name() {
    let server = server(Authentication::Required).await;
    let url = Draft::url("/none").signed(&server);
    const INCOMPLETE: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, \
        X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires \
        parameters.";

    for (from, to, message) in [
        ("X-Amz-Expires=60", "x=60", INCOMPLETE),
        ("X-Amz-Date=", "x=", INCOMPLETE),
        ("X-Amz-SignedHeaders=", "x=", INCOMPLETE),
        (
            "X-Amz-Expires=60",
            "X-Amz-Expires=604801",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given \
             X-Amz-Expires must be less than 604800 seconds",
        ),
        (
            "X-Amz-Expires=60",
            "X-Amz-Expires=-1",
            "X-Amz-Expires must be non-negative",
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Algorithm=MD5",
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
        ),
        (
            "%2Faws4_request",
            "",
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; \
             expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
    ] {
        assert!(url.contains(from), "{url}");
        let answer = send(&server, &url.replace(from, to)).await;

        let escaped = message.replace('<', "&lt;").replace('>', "&gt;");
        let found = answer.element("Message").replace("&quot;", "\"");
        assert_eq!(found, escaped, "{to}");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.element("Code"), "AuthorizationQueryParametersError");
    }
}

#[tokio::test]
async fn scope_of_another_day_is_refused() {
    let server = server(Authentication::Required).await;
    let day = |head: &str| {
        let at = head
            .find("/us-east-1")
            .or_else(|| head.find("%2Fus-east-1"));
        let at = at.unwrap();
        head[at - 8..at].to_owned()
    };
    for draft in [Draft::get("/none"), Draft::url("/none")] {
        let signed = draft.signed(&server);
        let day = day(&signed);
        let scope = [format!("/{day}/"), format!("%2F{day}%2F")];
        let other = scope.iter().fold(signed, |text, scope| {
            text.replace(scope, &scope.replace(&day, "20200101"))
        });

        let answer = send(&server, &other).await;

        let found = answer.element("Message").replace("&quot;", "\"");
        let expected = format!(
            "Invalid credential date \"20200101\". This date is not the same as X-Amz-Date: \
             \"{day}\"."
        );
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(found.ends_with(&expected), "{found}");
    }
}

#[tokio::test]
async fn two_signatures_are_one_too_many() {
    let server = server(Authentication::Required).await;
    let header = Draft::get("/none").signed(&server);
    let both = header.replacen("/none ", "/none?X-Amz-Signature=0 ", 1);
    // A parameter that only talks about one is none.
    let talk = Draft::get("/none?prefix=X-Amz-Signature%3D0");

    let answer = send(&server, &both).await;
    assert_eq!(
        (answer.status, answer.element("Code")),
        (400, "InvalidArgument")
    );
    assert_eq!(answer.element("ArgumentName"), "Authorization");
    assert!(is_genuine(&talk.send(&server).await));
}

#[tokio::test]
async fn request_says_in_known_words_what_its_body_is() {
    let server = server(Authentication::Required).await;
    let saying = |digest| Draft {
        headers: vec![(DIGEST, digest)],
        ..Draft::get("/none")
    };
    let silent = Draft {
        headers: Vec::new(),
        ..Draft::get("/none")
    };

    let none = silent.send(&server).await;
    let unknown = saying("STREAMING-OTHER").send(&server).await;
    let unsigned = saying("UNSIGNED-PAYLOAD").send(&server).await;

    assert_eq!(
        refusal(&none),
        (
            400,
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256"
        )
    );
    assert_eq!(
        (unknown.status, unknown.element("Code")),
        (400, "InvalidArgument")
    );
    assert_eq!(unknown.element("ArgumentName"), DIGEST);
    assert_eq!(unknown.element("ArgumentValue"), "STREAMING-OTHER");
    assert!(is_genuine(&unsigned));
}

#[tokio::test]
async fn half_a_header_and_other_mechanisms_are_refused_in_words_of_s3() {
    let server = server(Authentication::Required).await;
    let head = |authorization: &str| {
        format!("GET /none HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n")
    };
    let s3 = "Credential=A/20260101/us-east-1/s3/aws4_request";

    for (authorization, status, code) in [
        (
            format!("AWS4-HMAC-SHA256 {s3}"),
            400,
            "AuthorizationHeaderMalformed",
        ),
        (
            format!("AWS4-HMAC-SHA256 {s3}, SignedHeaders=host, Signature=0"),
            403,
            "AccessDenied",
        ),
        ("AWS A:c2lnbmF0dXJl".to_owned(), 400, "InvalidRequest"),
        ("Bearer token".to_owned(), 400, "InvalidRequest"),
    ] {
        let answer = send(&server, &head(&authorization)).await;

        assert_eq!(
            (answer.status, answer.element("Code")),
            (status, code),
            "{authorization}"
        );
    }
}
