//! From an HTTP request to the event that the function gets: payload format 2.0.
//!
//! Pure: who called, from where and when comes in as [`Circumstances`].
//!
//! ```text
//!  headers ──► lower-cased, joined by commas; cookies apart     query ──► decoded, joined by commas
//!  body ──► text as it is, everything else in base64            path ──► untouched, escapes included
//! ```

mod body;
mod headers;
mod query;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use firelight_control::sts::Caller;
use firelight_model::{AccountId, RequestId};
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;

use super::address::UrlId;

const ROUTE: &str = "$default";

/// What the event tells beside the request itself.
pub(super) struct Circumstances<'a> {
    pub(super) id: &'a UrlId,
    /// The host name of the URL.
    pub(super) domain: &'a str,
    /// The path without what only led to the URL.
    pub(super) path: &'a str,
    pub(super) owner: AccountId,
    /// Who was proven to call; `None` where nobody was asked.
    pub(super) caller: Option<&'a Caller>,
    pub(super) peer: IpAddr,
    pub(super) request_id: RequestId,
    pub(super) received_at: Timestamp,
    /// The trace header that the function gets.
    pub(super) trace: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: String,
    api_id: &'a str,
    /// Client certificates, which function URLs never ask for.
    authentication: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: String,
    route_key: &'static str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: String,
    /// Empty where the client does not say, because typed readers of the event insist on it.
    user_agent: Cow<'a, str>,
}

#[derive(Serialize)]
struct Authorizer<'a> {
    iam: IamAuthorizer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IamAuthorizer<'a> {
    access_key: &'a str,
    account_id: String,
    caller_id: String,
    cognito_identity: (),
    principal_org_id: (),
    user_arn: String,
    user_id: String,
}

/// Renders the event of a request.
pub(super) fn payload(request: &Parts, facts: &Circumstances<'_>, body: &Bytes) -> Bytes {
    let query = request.uri.query().unwrap_or_default();
    let (text, is_base64_encoded) = body::render(&request.headers, body);
    let event = Event {
        version: "2.0",
        route_key: ROUTE,
        raw_path: facts.path,
        raw_query_string: query,
        cookies: headers::cookies(&request.headers),
        headers: headers::of(request, facts),
        query_string_parameters: query::parameters(query),
        request_context: context(request, facts),
        body: text,
        is_base64_encoded,
    };
    let json = serde_json::to_vec(&event).expect("an event has string keys and writes to memory");
    Bytes::from(json)
}

fn context<'a>(request: &'a Parts, facts: &'a Circumstances<'a>) -> RequestContext<'a> {
    let account_id = match facts.caller {
        Some(_) => facts.owner.to_string(),
        None => "anonymous".to_owned(),
    };
    let iam = facts.caller.map(iam_authorizer);
    RequestContext {
        account_id,
        api_id: facts.id.as_str(),
        authentication: (),
        authorizer: iam.map(|iam| Authorizer { iam }),
        domain_name: facts.domain,
        domain_prefix: facts.id.as_str(),
        http: http(request, facts),
        request_id: facts.request_id.to_string(),
        route_key: ROUTE,
        stage: ROUTE,
        time: facts
            .received_at
            .strftime("%d/%b/%Y:%H:%M:%S +0000")
            .to_string(),
        time_epoch: facts.received_at.as_millisecond(),
    }
}

fn http<'a>(request: &'a Parts, facts: &'a Circumstances<'a>) -> Http<'a> {
    let user_agent = request.headers.get(USER_AGENT);
    Http {
        method: request.method.as_str(),
        path: facts.path,
        protocol: format!("{:?}", request.version),
        source_ip: facts.peer.to_string(),
        user_agent: user_agent.map_or(Cow::Borrowed(""), |value| {
            String::from_utf8_lossy(value.as_bytes())
        }),
    }
}

fn iam_authorizer(caller: &Caller) -> IamAuthorizer<'_> {
    IamAuthorizer {
        access_key: &caller.access_key_id,
        account_id: caller.account.to_string(),
        caller_id: caller.user_id(),
        cognito_identity: (),
        principal_org_id: (),
        user_arn: caller.arn(),
        user_id: caller.user_id(),
    }
}

#[cfg(test)]
mod tests {
    use firelight_control::sts::Identity;
    use serde_json::{Value, json};

    use super::*;

    const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0";

    fn event_for(request: http::request::Builder, caller: Option<&Caller>, body: &str) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let id = UrlId::parse("urlid").unwrap();
        let facts = Circumstances {
            id: &id,
            domain: "urlid.lambda-url.us-east-1.localhost",
            path: parts.uri.path(),
            owner: "123456789012".parse().unwrap(),
            caller,
            peer: "192.0.2.7".parse().unwrap(),
            request_id: RequestId::from_random([7; 16]),
            received_at: Timestamp::from_millisecond(1_584_039_838_390).unwrap(),
            trace: TRACE,
        };
        let payload = payload(&parts, &facts, &Bytes::copy_from_slice(body.as_bytes()));
        serde_json::from_slice(&payload).unwrap()
    }

    #[test]
    fn request_becomes_the_event_of_payload_format_2() {
        let request = http::Request::post("/my/path?a=1&a=2&b=%20x")
            .header("host", "urlid.lambda-url.us-east-1.localhost:4566")
            .header("content-type", "application/json")
            .header("cookie", "k=v; l=w")
            .header("user-agent", "agent");

        let event = event_for(request, None, r#"{"x":1}"#);

        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/my/path",
            "rawQueryString": "a=1&a=2&b=%20x",
            "cookies": ["k=v", "l=w"],
            "headers": {
                "content-type": "application/json",
                "host": "urlid.lambda-url.us-east-1.localhost:4566",
                "user-agent": "agent",
                "x-amzn-trace-id": TRACE,
                "x-forwarded-for": "192.0.2.7",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": {"a": "1,2", "b": " x"},
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "urlid",
                "authentication": null,
                "domainName": "urlid.lambda-url.us-east-1.localhost",
                "domainPrefix": "urlid",
                "http": {
                    "method": "POST",
                    "path": "/my/path",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.7",
                    "userAgent": "agent",
                },
                "requestId": "07070707-0707-4707-8707-070707070707",
                "routeKey": "$default",
                "stage": "$default",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_584_039_838_390_i64,
            },
            "body": r#"{"x":1}"#,
            "isBase64Encoded": false,
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn what_a_request_lacks_its_event_lacks_too() {
        let event = event_for(http::Request::get("/"), None, "");

        let lacking = ["cookies", "queryStringParameters", "body"];
        assert!(lacking.iter().all(|key| event.get(key).is_none()));
        assert_eq!(event["rawQueryString"], "");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["requestContext"].get("authorizer"), None);
        assert_eq!(event["requestContext"]["http"]["userAgent"], "");
    }

    #[test]
    fn path_with_an_invalid_escape_is_passed_through_unchanged() {
        let event = event_for(http::Request::get("/pa2%Fth/1"), None, "");

        assert_eq!(event["rawPath"], "/pa2%Fth/1");
        assert_eq!(event["requestContext"]["http"]["path"], "/pa2%Fth/1");
    }

    #[test]
    fn proven_caller_stands_in_the_authorizer_and_the_owner_in_the_account() {
        let caller = Caller {
            account: "210987654321".parse().unwrap(),
            identity: Identity::User {
                name: "ann".into(),
                path: "/".into(),
                id: "AIDAANN".into(),
            },
            access_key_id: "AKIAANN".into(),
            source_function: None,
            session_policies: Vec::new(),
        };

        let event = event_for(http::Request::get("/"), Some(&caller), "");

        assert_eq!(event["requestContext"]["accountId"], "123456789012");
        let expected = json!({"iam": {
            "accessKey": "AKIAANN",
            "accountId": "210987654321",
            "callerId": "AIDAANN",
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": "arn:aws:iam::210987654321:user/ann",
            "userId": "AIDAANN",
        }});
        assert_eq!(event["requestContext"]["authorizer"], expected);
    }
}
