//! Signed requests, signed by another implementation than ours.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use firelight_api::Authentication;

use crate::support::{Answer, ROOT_KEY_ID, ROOT_SECRET, Server, server};

/// A request to sign.
struct Draft {
    path: &'static str,
    body: &'static str,
    key_id: &'static str,
    secret: &'static str,
    token: Option<String>,
    time: SystemTime,
    sign_body: bool,
}

impl Draft {
    fn new(path: &'static str) -> Self {
        let (key_id, secret) = (ROOT_KEY_ID, ROOT_SECRET);
        Self {
            path,
            body: "",
            key_id,
            secret,
            token: None,
            time: SystemTime::now(),
            sign_body: true,
        }
    }

    fn signed(&self, server: &Server, settings: SigningSettings) -> http::Request<String> {
        let host = server.address.to_string();
        let uri = format!("http://{host}{}", self.path);
        let request = http::Request::post(&uri).header("host", &host);
        let mut request = request.body(self.body.to_owned()).unwrap();
        let token = self.token.clone();
        let identity = Credentials::new(self.key_id, self.secret, token, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("lambda")
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers = [("host", host.as_str())];
        let body = match self.sign_body {
            true => SignableBody::Bytes(self.body.as_bytes()),
            false => SignableBody::UnsignedPayload,
        };
        let signable = SignableRequest::new("POST", &uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    async fn send(&self, server: &Server) -> Answer {
        let request = self.signed(server, SigningSettings::default());
        send(server, &request, self.body).await
    }
}

async fn send(server: &Server, request: &http::Request<String>, body: &str) -> Answer {
    let target = request.uri().path_and_query().unwrap();
    let mut text = format!("POST {target} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    server.send(text).await
}

/// What the operations called here answer, because they are not built.
const LET_IN: u16 = 501;

#[tokio::test]
async fn genuine_signature_opens_the_door() {
    let server = server(Authentication::Required).await;
    let path = "/2025-12-01/durable-executions/arn%3Aaws%3Alambda/stop?Qualifier=%24LATEST&a=b+c";
    let draft = Draft {
        body: r#"{"x":1}"#,
        ..Draft::new(path)
    };

    assert_eq!(draft.send(&server).await.status, LET_IN);
}

#[tokio::test]
async fn signed_body_digest_is_compared_with_the_body() {
    let server = server(Authentication::Required).await;
    let draft = Draft {
        body: "signed",
        ..Draft::new("/2025-12-01/durable-executions/e/stop")
    };
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let request = draft.signed(&server, settings);

    assert_eq!(send(&server, &request, "signed").await.status, LET_IN);
    assert_eq!(send(&server, &request, "forged").await.status, 403);
}

#[tokio::test]
async fn presigned_url_opens_the_door() {
    let server = server(Authentication::Required).await;
    let draft = Draft::new("/2025-12-01/durable-executions/f/stop");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let request = draft.signed(&server, settings);

    assert_eq!(send(&server, &request, "").await.status, LET_IN);
}

#[tokio::test]
async fn forged_body_path_key_and_secret_are_refused() {
    let server = server(Authentication::Required).await;
    let draft = Draft {
        body: "signed",
        ..Draft::new("/2025-12-01/durable-executions/e/stop")
    };
    let request = draft.signed(&server, SigningSettings::default());

    let forged = send(&server, &request, "forged").await;
    let secret = Draft {
        secret: "guess",
        ..Draft::new("/2025-12-01/durable-executions/e/stop")
    };
    let key = Draft {
        key_id: "AKIAGUESS",
        ..Draft::new("/2025-12-01/durable-executions/e/stop")
    };

    assert_eq!(forged.status, 403);
    assert!(
        forged
            .head
            .contains("x-amzn-errortype: invalidsignatureexception")
    );
    assert!(
        forged
            .body
            .contains("The request signature we calculated does not match")
    );
    assert_eq!(secret.send(&server).await.status, 403);
    let key = key.send(&server).await;
    assert_eq!(key.status, 403);
    assert_eq!(
        key.body,
        r#"{"message":"The security token included in the request is invalid."}"#
    );
}

#[tokio::test]
async fn old_and_future_signatures_are_refused() {
    let server = server(Authentication::Required).await;
    let now = SystemTime::now();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let at = |time| Draft {
        time,
        ..Draft::new("/2025-12-01/durable-executions/e/stop")
    };

    let old = at(now - minutes(6)).send(&server).await;
    let future = at(now + minutes(6)).send(&server).await;
    let skewed = at(now - minutes(4)).send(&server).await;

    assert_eq!(
        (old.status, future.status, skewed.status),
        (403, 403, LET_IN)
    );
    assert!(old.body.contains("Signature expired: "), "{}", old.body);
    assert!(old.body.contains(" is now earlier than "), "{}", old.body);
    assert!(
        future.body.contains("Signature not yet current: "),
        "{}",
        future.body
    );
}

#[tokio::test]
async fn half_a_signature_is_told_what_is_missing() {
    let server = server(Authentication::Required).await;

    let answer = server
        .send(
            "GET /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/lambda/aws4_request\
             \r\n\r\n",
        )
        .await;

    assert_eq!(answer.status, 403);
    assert!(
        answer
            .head
            .contains("x-amzn-errortype: incompletesignatureexception")
    );
    assert!(
        answer.body.contains("requires 'Signature' parameter"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn body_of_lambda_cannot_be_left_out_of_the_signature() {
    let server = server(Authentication::Required).await;
    let draft = Draft {
        body: "anything",
        sign_body: false,
        ..Draft::new("/2015-03-31/functions")
    };
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let request = draft.signed(&server, settings);

    let answer = send(&server, &request, "anything").await;

    assert_eq!(
        request.headers()["x-amz-content-sha256"],
        "UNSIGNED-PAYLOAD"
    );
    assert_eq!(answer.status, 403);
}
