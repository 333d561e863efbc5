//! Who may visit a URL.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use firelight_api::Authentication;
use firelight_model::UrlAuthType;

use super::visitor::{Url, Visitor, values};
use crate::script::Script;
use crate::support::{Answer, ROOT_KEY_ID, ROOT_SECRET};

const FORBIDDEN: &str = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;

fn forbidden(answer: &Answer) -> bool {
    let kind = values(answer, "x-amzn-errortype");
    answer.status == 403 && answer.body == FORBIDDEN && kind == ["accessdeniedexception"]
}

/// Signs a request for the host of the URL, as another implementation does it.
fn signed(visitor: &Visitor, secret: &str) -> String {
    let uri = format!("http://{}/", visitor.host());
    let mut request = http::Request::get(&uri).body(()).unwrap();
    let identity = Credentials::new(ROOT_KEY_ID, secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("lambda")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let (host, body) = (visitor.host(), SignableBody::Bytes(b""));
    let headers = [("host", host.as_str())];
    let signable = SignableRequest::new("GET", &uri, headers.into_iter(), body).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn unknown_url_has_no_message() {
    let visitor = Visitor::of(&Script::giving("null")).await;

    let answer = visitor.server.get("/_firelight/url/nobody/").await;

    assert_eq!(answer.status, 403);
    assert_eq!(answer.body, r#"{"Message":null}"#);
    assert_eq!(values(&answer, "content-type"), ["application/json"]);
    assert_eq!(
        values(&answer, "x-amzn-errortype"),
        ["accessdeniedexception"]
    );
}

#[tokio::test]
async fn public_url_without_a_statement_is_forbidden() {
    for authentication in [Authentication::Required, Authentication::AnyCredentials] {
        let script = Script::giving("null");
        let url = Url {
            authentication,
            public: false,
            ..Url::default()
        };
        let visitor = url.open(&script).await;

        let answer = visitor.get("/").await;

        assert!(forbidden(&answer), "{answer:?}");
        assert!(script.calls().is_empty());
    }
}

#[tokio::test]
async fn iam_url_lets_in_whoever_signs_and_tells_the_function_who_it_is() {
    let script = Script::giving("3");
    let url = Url {
        auth_type: UrlAuthType::AwsIam,
        ..Url::default()
    };
    let visitor = url.open(&script).await;

    let unsigned = visitor.get("/").await;
    let forged = signed(&visitor, "guess");
    let forged = visitor.ask("GET", "/", &forged, "").await;
    let genuine = signed(&visitor, ROOT_SECRET);
    let genuine = visitor.ask("GET", "/", &genuine, "").await;

    assert!(forbidden(&unsigned), "{unsigned:?}");
    assert_eq!(forged.status, 403);
    assert!(forged.body.contains("signature"), "{}", forged.body);
    assert_eq!((genuine.status, genuine.body.as_str()), (200, "3"));
    let iam = &script.event()["requestContext"]["authorizer"]["iam"];
    assert_eq!(iam["accessKey"], ROOT_KEY_ID);
    assert_eq!(iam["userArn"], "arn:aws:iam::000000000000:root");
    assert_eq!(
        script.event()["requestContext"]["accountId"],
        "000000000000"
    );
}

#[tokio::test]
async fn iam_url_takes_any_signature_where_signatures_are_not_looked_at() {
    let url = Url {
        auth_type: UrlAuthType::AwsIam,
        authentication: Authentication::AnyCredentials,
        ..Url::default()
    };
    let visitor = url.open(&Script::giving("3")).await;

    let unsigned = visitor.get("/").await;
    let signed = signed(&visitor, "anything");
    let signed = visitor.ask("GET", "/", &signed, "").await;

    assert!(forbidden(&unsigned), "{unsigned:?}");
    assert_eq!(signed.status, 200);
}

#[tokio::test]
async fn url_whose_function_is_gone_is_unknown() {
    let visitor = Visitor::of(&Script::giving("null")).await;

    visitor.api.delete("/2015-03-31/functions/f").await;
    let answer = visitor.get("/").await;

    assert_eq!(
        (answer.status, answer.body.as_str()),
        (403, r#"{"Message":null}"#)
    );
}

#[tokio::test]
async fn url_of_an_alias_outlives_it_and_is_forbidden_from_then_on() {
    let script = Script::giving("3");
    let url = Url {
        alias: Some("prod"),
        ..Url::default()
    };
    let visitor = url.open(&script).await;

    let before = visitor.get("/").await;
    let path = "/2015-03-31/functions/f/aliases/prod";
    let deleted = visitor.api.delete(path).await;
    let after = visitor.get("/").await;

    assert_eq!((before.status, deleted.status), (200, 204));
    assert!(script.calls()[0].invoked_arn.ends_with(":function:f:prod"));
    assert!(forbidden(&after), "{after:?}");
}
