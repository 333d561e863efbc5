//! Requests that nobody sane sends: each gets an answer, none a 500, and the server goes on.

use firelight_api::{Authentication, BodyBudget};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Answer, Server, server, server_behind};

/// Runs a property against one server; proptest itself knows nothing of async.
fn check<S: Strategy>(
    authentication: Authentication,
    strategy: S,
    request: impl Fn(S::Value) -> Vec<u8>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server(authentication));
    // Without a bucket, most requests to S3 would be refused before they are read.
    runtime.block_on(server.send(put("/bucket", "", "")));
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&strategy, |value| {
        let request = request(value);
        let shown = String::from_utf8_lossy(&request).into_owned();
        let answer = runtime.block_on(server.send(&request));
        prop_assert!(
            is_sane(&answer),
            "{} {}\nfor {shown}",
            answer.status,
            answer.body
        );
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(
        runtime.block_on(server.get("/_firelight/health")).status,
        200
    );
}

/// 501 names what is not built; every other fault of the server is one.
fn is_sane(answer: &Answer) -> bool {
    let is_fault = answer.status >= 500 && answer.status != 501;
    !is_fault && !answer.body.contains("<html")
}

fn post(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn put(target: &str, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "PUT {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn any_path_and_query_get_an_answer() {
    let path = "(/[!-~]{0,20}){1,4}(\\?[!-~]{0,40})?";
    check(Authentication::AnyCredentials, path, |path| {
        format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").into_bytes()
    });
}

#[test]
fn any_authorization_header_gets_an_answer() {
    let parts = (
        "(AWS4-HMAC-SHA256 ?)?",
        "(Credential=[!-~]{0,40})?,? ?(SignedHeaders=[a-z;-]{0,20})?,? ?(Signature=[0-9a-f]{0,64})?",
        "(X-Amz-Date: [0-9TZ]{0,18}\r\n)?",
        "(X-Amz-Content-Sha256: [!-~]{0,20}\r\n)?",
    );
    check(
        Authentication::Required,
        parts,
        |(algorithm, fields, date, hash)| {
            format!(
                "GET /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: {algorithm}{fields}\r\n{date}{hash}\r\n"
            )
            .into_bytes()
        },
    );
}

#[test]
fn any_presigned_query_gets_an_answer() {
    let query = "X-Amz-Signature=[!-~]{0,20}(&X-Amz-(Credential|Date|Expires|SignedHeaders|\
        Algorithm)=[!-~]{0,30}){0,5}";
    check(Authentication::Required, query, |query| {
        format!("GET /b/k?{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").into_bytes()
    });
}

#[test]
fn any_json_for_any_operation_gets_an_answer() {
    let member = "logGroupName|logStreamName|limit|nextToken|filterPattern|tags|logEvents|Name|\
        Names|Path|Value|Type|MaxResults|NextToken|ParameterFilters|startTime|endTime";
    let value = "null|true|-1|1e99|\"\"|\"[ -~]{0,10}\"|\\[\\]|\\{\\}|\\[null\\]|\\[\\{\\}\\]";
    let value = prop::string::string_regex(value).unwrap();
    let members = prop::collection::vec((member, value), 0..5);
    let operation = prop::sample::select(vec![
        "Logs_20140328.CreateLogGroup",
        "Logs_20140328.DescribeLogGroups",
        "Logs_20140328.DescribeLogStreams",
        "Logs_20140328.PutLogEvents",
        "Logs_20140328.GetLogEvents",
        "Logs_20140328.FilterLogEvents",
        "Logs_20140328.TagLogGroup",
        "Logs_20140328.PutRetentionPolicy",
        "AmazonSSM.PutParameter",
        "AmazonSSM.GetParameters",
        "AmazonSSM.GetParametersByPath",
        "AmazonSSM.DescribeParameters",
        "AmazonSSM.Nonsense",
        "Nobody.Nothing",
    ]);
    check(
        Authentication::AnyCredentials,
        (operation, members),
        |(operation, members)| {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            let head = format!(
                "X-Amz-Target: {operation}\r\nContent-Type: application/x-amz-json-1.1\r\n"
            );
            post(&head, format!("{{{}}}", members.join(",")).as_bytes())
        },
    );
}

#[test]
fn any_form_gets_an_answer() {
    let parameter = "Action|Version|RoleName|UserName|PolicyArn|PolicyName|PolicyDocument|Path|\
        AssumeRolePolicyDocument|MaxItems|Marker|Tags.member.1.Key|RoleArn|RoleSessionName|\
        DurationSeconds|Policy";
    let value = "CreateRole|ListRoles|GetRole|PutRolePolicy|AssumeRole|CreatePolicy|\
        2010-05-08|2011-06-15|%7B%7D|-1|[ -~]{0,12}|%[0-9a-f]{2}";
    let pairs = prop::collection::vec((parameter, value), 0..6);
    check(Authentication::AnyCredentials, pairs, |pairs| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let head = "Content-Type: application/x-www-form-urlencoded\r\n";
        post(head, pairs.join("&").as_bytes())
    });
}

#[test]
fn any_document_for_any_configuration_of_a_bucket_gets_an_answer() {
    let setting = prop::sample::select(vec![
        "accelerate",
        "acl",
        "cors",
        "encryption",
        "lifecycle",
        "logging",
        "notification",
        "ownershipControls",
        "policy",
        "publicAccessBlock",
        "requestPayment",
        "tagging",
        "versioning",
        "website",
    ]);
    let element = "Tagging|TagSet|Tag|Key|Value|Rule|ID|Status|Days|Date|CORSConfiguration|CORSRule|\
        AllowedOrigin|VersioningConfiguration|LifecycleConfiguration|Filter|Prefix|Event|Id";
    let text =
        "Enabled|-1|99999999999999999999|&#0;|&amp;|&nothing;|<!--|]]>|<!DOCTYPE a|[ -~]{0,8}";
    let elements = prop::collection::vec((element, element, text), 0..4);
    check(
        Authentication::AnyCredentials,
        (setting, elements),
        |(setting, elements)| {
            let document: String = elements
                .iter()
                .map(|(outer, inner, text)| format!("<{outer}><{inner}>{text}</{inner}></{outer}>"))
                .collect();
            put(&format!("/bucket?{setting}"), "", &document)
        },
    );
}

#[test]
fn any_headers_of_an_object_get_an_answer() {
    let name = "x-amz-(storage-class|acl|tagging|meta-[a-z]{0,3}|copy-source|copy-source-range|\
        server-side-encryption|checksum-crc32|checksum-sha256|trailer|decoded-content-length|\
        content-sha256|sdk-checksum-algorithm|expected-bucket-owner)|content-md5|range|if-match|\
        if-none-match|content-encoding|expires";
    let value = "STANDARD|aws-chunked|STREAMING-UNSIGNED-PAYLOAD-TRAILER|-1|\
        STREAMING-AWS4-HMAC-SHA256-PAYLOAD|bytes=9-1|/bucket/a|AAAAAA==|\\*|[!-~]{0,12}";
    let headers = prop::collection::vec((name, value), 0..4);
    let body = "content|5\r\nhello\r\n0\r\n\r\n|ffffffffffffffff\r\n|[ -~]{0,12}";
    check(
        Authentication::AnyCredentials,
        ("[a-z./%]{0,6}", headers, body),
        |(key, headers, body)| {
            let lines = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
            put(&format!("/bucket/{key}"), &lines.collect::<String>(), &body)
        },
    );
}

#[test]
fn any_form_for_an_object_gets_an_answer() {
    let name = "key|Key|policy|acl|tagging|file|success_action_(status|redirect)|content-type|\
        x-amz-(algorithm|credential|date|signature|meta-[a-z]|copy-source|checksum-crc32)|bucket";
    let value = "201|\\$\\{filename\\}|a/../b|AWS4-HMAC-SHA256|e30=|\
        A/20260101/us-east-1/s3/aws4_request|eyJleHBpcmF0aW9uIjoiIiwiY29uZGl0aW9ucyI6W1tdXX0=|\
        <Tagging/>|http://h|\r\n--x|--x--|[ -~]{0,12}";
    let part = (name, "(; filename=\"?[!-~]{0,6}\"?)?", value);
    let parts = prop::collection::vec(part, 0..5);
    let rest = (parts, "(--x)?(--)?(\r\n)?", "x|\"x\"|\"x|y|");
    for authentication in [Authentication::AnyCredentials, Authentication::Required] {
        check(authentication, rest.clone(), |(parts, end, boundary)| {
            let parts = parts.iter().map(|(name, filename, value)| {
                format!(
                    "--x\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n\
                     {value}\r\n"
                )
            });
            let body = parts.collect::<String>() + &end;
            let head = format!("Content-Type: multipart/form-data; boundary={boundary}\r\n");
            let request = String::from_utf8(put("/bucket", &head, &body)).unwrap();
            request.replacen("PUT", "POST", 1).into_bytes()
        });
    }
}

#[test]
fn any_question_of_a_page_gets_an_answer() {
    let header = "Origin|Access-Control-Request-Method|Access-Control-Request-Headers";
    let value = "https://a|null|PUT|[!-~]{0,12}|a, b,,c";
    let headers = prop::collection::vec((header, value), 0..4);
    let asked = ("OPTIONS|GET|POST", "(/bucket)?(/[!-~]{0,8})?", headers);
    check(
        Authentication::Required,
        asked,
        |(method, path, headers)| {
            let lines = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
            let lines: String = lines.collect();
            let path = if path.is_empty() { "/" } else { &path };
            format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n")
                .into_bytes()
        },
    );
}

#[test]
fn any_bytes_as_a_body_get_an_answer() {
    let targets =
        prop::sample::select(vec!["Logs_20140328.PutLogEvents", "AmazonSSM.GetParameter"]);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    check(
        Authentication::AnyCredentials,
        (targets, body),
        |(target, body)| post(&format!("X-Amz-Target: {target}\r\n"), &body),
    );
}

async fn send(server: &Server, request: &str) -> Answer {
    server.send(request).await
}

#[tokio::test]
async fn head_that_never_ends_is_refused() {
    let server = server(Authentication::AnyCredentials).await;
    let long = "x".repeat(100_000);

    let request = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\n\r\n");
    let answer = send(&server, &request).await;

    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn bodies_that_would_take_too_much_memory_together_are_refused_and_the_room_comes_back() {
    let plane = crate::lambda::plane::Plane::start().await;
    let budget = BodyBudget::of_bytes(1024 * 1024);
    let door = |door: firelight_api::FrontDoor| door.with_body_budget(budget);
    let server = server_behind(Authentication::AnyCredentials, plane.lambda(), door).await;
    let path = "POST /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nConnection: close";
    let long = "a".repeat(2 * 1024 * 1024);
    let short = &long[..512 * 1024];
    let request = |body: &str| format!("{path}\r\nContent-Length: {}\r\n\r\n{body}", body.len());

    for _ in 0..3 {
        let refused = server.send(request(&long)).await;
        let read = server.send(request(short)).await;

        let body =
            r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
        assert_eq!((refused.status, refused.body.as_str()), (429, body));
        assert_eq!(read.status, 400, "{}", read.body);
    }
}
