//! Requests that no client of AWS would send: recorded ones, changed at random, by seed.
//!
//! Whatever comes, the daemon answers with a refusal of its own or closes the connection: it never panics, never
//! blames itself (5xx, but for what is not built), never hangs, and its memory stays bounded.
//!
//! `FIRELIGHT_TEST_FUZZ_CASES` and `FIRELIGHT_TEST_FUZZ_SEED` run more cases and others. A failure prints its seed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use firelight_e2e::mutation::{Dice, mutate};
use firelight_e2e::package::python_function;
use firelight_e2e::{Flavor, TestEnvironment};

const CASES: u64 = 4_000;
const LONGEST_ANSWER: Duration = Duration::from_secs(20);
/// Of the failures, and of each request.
const SHOWN: usize = 10;
const SHOWN_BYTES: usize = 600;
const MOST_GROWTH_KIB: u64 = 96 * 1024;

#[test]
fn hostile_requests_get_refusals_in_dev() {
    survive(Flavor::dev());
}

#[test]
fn hostile_requests_get_refusals_where_signatures_are_verified() {
    survive(Flavor::serve());
}

fn survive(flavor: Flavor) {
    let Some(environment) = TestEnvironment::start_as(flavor) else {
        return;
    };
    let corpus = corpus();
    for request in &corpus {
        check(&environment, &request.bytes()).unwrap();
    }
    let before_kib = resident_kib(&environment);

    let first = number("FIRELIGHT_TEST_FUZZ_SEED", 1);
    let mut failures = Vec::new();
    for seed in first..first + number("FIRELIGHT_TEST_FUZZ_CASES", CASES) {
        let checked = check(&environment, &changed(&corpus, seed));
        failures.extend(checked.err().map(|why| format!("seed {seed}: {why}")));
    }
    let shown = failures.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    assert!(
        failures.is_empty(),
        "{} failures
{}",
        failures.len(),
        shown.join(
            "

"
        )
    );

    let grown_kib = resident_kib(&environment).saturating_sub(before_kib);
    assert!(
        grown_kib < MOST_GROWTH_KIB,
        "the daemon grew by {grown_kib} KiB"
    );
    let output = environment.daemon_output();
    assert!(!output.contains("panicked"), "{output}");
    assert!(environment.stop().is_none());
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

/// One request, in the parts that are changed apart.
#[derive(Clone)]
struct Recorded {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Recorded {
    fn new(line: &str, headers: &str, body: impl Into<Vec<u8>>) -> Self {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}");
        Self {
            head: head.into_bytes(),
            body: body.into(),
        }
    }

    /// Gives the body its true length, so that what is in it is looked at.
    fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [&self.head, length.as_bytes(), &self.body].concat()
    }
}

/// Changes a package inside its request, or one recorded request: its head, its body, or all as it stands on the wire.
fn changed(corpus: &[Recorded], seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut request = dice.pick(corpus).clone();
    match dice.below(5) {
        0 => {
            let mut zip = python_function("return event");
            mutate(&mut zip, &mut dice);
            Recorded::new("POST /2015-03-31/functions", "", creation(&zip)).bytes()
        }
        1 => {
            mutate(&mut request.head, &mut dice);
            request.bytes()
        }
        2 => {
            let mut bytes = request.bytes();
            mutate(&mut bytes, &mut dice);
            bytes
        }
        _ => {
            mutate(&mut request.body, &mut dice);
            request.bytes()
        }
    }
}

/// Sends a request; the error says what came back that should not.
fn check(environment: &TestEnvironment, request: &[u8]) -> Result<(), String> {
    let sent = String::from_utf8_lossy(&request[..request.len().min(SHOWN_BYTES)]);
    let answer = exchange(environment, request).map_err(|error| format!("{error}\n{sent}"))?;
    let text = String::from_utf8_lossy(&answer);
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    match status {
        // Closed without an answer: what came was no request.
        None if text.is_empty() => Ok(()),
        Some("501") => Ok(()),
        Some(status) if !status.starts_with('5') => Ok(()),
        _ => Err(format!("{sent}\n--\n{text}")),
    }
}

/// Sends everything, and reads until the daemon has nothing more to say.
fn exchange(environment: &TestEnvironment, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let address = environment
        .endpoint()
        .trim_start_matches("http://")
        .to_owned();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONGEST_ANSWER))?;
    stream.set_write_timeout(Some(LONGEST_ANSWER))?;
    // A daemon that has refused already reads no further; then the end of this is lost.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(error),
        // A connection that is reset was closed before all was read, which is an answer too.
        _ => Ok(answer),
    }
}

fn resident_kib(environment: &TestEnvironment) -> u64 {
    let status = format!("/proc/{}/status", environment.daemon_pid());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn corpus() -> Vec<Recorded> {
    let signed = "X-Amz-Date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
        Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/lambda/aws4_request, \
        SignedHeaders=host;x-amz-date, Signature=00aa\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: ";
    let function = "/2015-03-31/functions/fuzzed";
    let creation = creation(&python_function("return event"));
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=fuzzed&AssumeRolePolicyDocument=\
        %7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    let configuration = r#"{"Timeout":5,"Environment":{"Variables":{"A":"b"}},"Layers":[]}"#;
    let alias = r#"{"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5}}}"#;
    let permission = r#"{"StatementId":"s","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com"}"#;
    let mapping = r#"{"EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q","FunctionName":"fuzzed","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[1]}"}]}}"#;
    let layer = r#"{"Description":"d","Content":{"ZipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#;
    let filter =
        r#"{"logGroupName":"/aws/lambda/fuzzed","filterPattern":"{ $.a = 1 && $.b = \"c*\" }"}"#;
    let parameter =
        r#"{"Name":"/a/b","Value":"v","Type":"String","Tags":[{"Key":"k","Value":"v"}]}"#;
    let chunks = "4\r\nabcd\r\n0\r\nx-amz-checksum-crc32:7YVJFw==\r\n\r\n";
    let presigned = "GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2F\
        us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    vec![
        Recorded::new("POST /2015-03-31/functions", signed, creation.clone()),
        Recorded::new("POST /2015-03-31/functions", "", creation),
        Recorded::new(&format!("PUT {function}/configuration"), "", configuration),
        Recorded::new(&format!("POST {function}/versions"), "", "{}"),
        Recorded::new(&format!("POST {function}/aliases"), "", alias),
        Recorded::new(&format!("POST {function}/policy"), "", permission),
        Recorded::new(&format!("GET {function}?Qualifier=%24LATEST"), signed, ""),
        Recorded::new("GET /2015-03-31/functions/?MaxItems=2&Marker=abc", "", ""),
        Recorded::new(
            "POST /2015-03-31/functions/nobody/invocations?Qualifier=live",
            "X-Amz-Invocation-Type: RequestResponse\r\nX-Amz-Log-Type: Tail\r\nX-Amz-Client-Context: e30=\r\n",
            r#"{"a":[1,2.5e3,null,"\u00e9"]}"#,
        ),
        Recorded::new(
            "POST /2021-11-15/functions/nobody/response-streaming-invocations",
            "",
            "{}",
        ),
        Recorded::new("POST /2015-03-31/event-source-mappings/", "", mapping),
        Recorded::new("POST /2018-10-31/layers/fuzzed/versions", "", layer),
        Recorded::new(
            "POST /2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Afuzzed",
            "",
            r#"{"Tags":{"k":"v"}}"#,
        ),
        Recorded::new("POST /", form, role),
        Recorded::new(
            "POST /",
            form,
            "Action=GetCallerIdentity&Version=2011-06-15",
        ),
        Recorded::new(
            "POST /",
            &format!("{json}Logs_20140328.FilterLogEvents\r\n"),
            filter,
        ),
        Recorded::new(
            "POST /",
            &format!("{json}AmazonSSM.PutParameter\r\n"),
            parameter,
        ),
        Recorded::new("PUT /bucket", signed, ""),
        Recorded::new(
            "PUT /bucket/key",
            "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Encoding: aws-chunked\r\n\
             X-Amz-Decoded-Content-Length: 4\r\nX-Amz-Trailer: x-amz-checksum-crc32\r\n",
            chunks,
        ),
        Recorded::new(
            "POST /bucket?delete",
            "Content-Type: application/xml\r\n",
            "<Delete><Object><Key>key</Key></Object></Delete>",
        ),
        Recorded::new(presigned, "", ""),
    ]
}

fn creation(zip: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"FunctionName":"fuzzed","Runtime":"provided.al2023","Handler":"a.b","Role":"arn:aws:iam::000000000000:role/r","Code":{{"ZipFile":"{}"}},"MemorySize":128,"Tags":{{"a":"b"}}}}"#,
        BASE64_STANDARD.encode(zip)
    )
    .into_bytes()
}
