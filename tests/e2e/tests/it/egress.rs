//! What functions reach: this daemon's API as their role, and what the lists allow.

use firelight_e2e::{Flavor, TestEnvironment};
use serde_json::Value;

/// A handler that signs a call as its role and returns what it is answered: `{"path": …, "service": …}`.
const CALLS: &str = r#"
    import datetime, hashlib, hmac, os, urllib.error, urllib.request
    url = os.environ['AWS_ENDPOINT_URL']
    host = url.split('//')[1]
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    scope = '/'.join([now[:8], os.environ['AWS_REGION'], event['service'], 'aws4_request'])
    empty = hashlib.sha256(b'').hexdigest()
    headers = {'host': host, 'x-amz-content-sha256': empty, 'x-amz-date': now,
               'x-amz-security-token': os.environ['AWS_SESSION_TOKEN']}
    names = ';'.join(sorted(headers))
    lines = ''.join(f'{name}:{headers[name]}\n' for name in sorted(headers))
    canonical = '\n'.join(['GET', event['path'], '', lines, names, empty])
    to_sign = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + os.environ['AWS_SECRET_ACCESS_KEY']).encode()
    for part in scope.split('/'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = os.environ['AWS_ACCESS_KEY_ID'] + '/' + scope
    headers['authorization'] = f'AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}'
    request = urllib.request.Request(url + event['path'], headers=headers)
    try:
        return {'url': url, 'status': urllib.request.urlopen(request, timeout=10).status}
    except urllib.error.HTTPError as error:
        return {'url': url, 'status': error.code, 'error': error.read().decode()}
"#;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const MAY_LIST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:ListFunctions","Resource":"*"}]}"#;

/// Whether this host gives functions a way out at all.
fn has_way_out(environment: &TestEnvironment) -> bool {
    let report = environment.firelight(&["doctor"]).stdout();
    report.contains("ok  sandbox: egress-nat")
}

fn call(environment: &TestEnvironment, function: &str, payload: &str) -> Value {
    let answer = environment.firelight(&["invoke", function, "--payload", payload]);
    let answer = answer.succeeded().stdout();
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn a_function_reaches_the_api_as_its_role_and_only_what_the_role_may() {
    let Some(environment) = TestEnvironment::start_as(Flavor::serve()) else {
        return;
    };
    if !has_way_out(&environment) {
        return firelight_e2e::lacking::lacking("a way out for functions").unwrap_or_default();
    }
    environment
        .aws(&[
            "iam",
            "create-role",
            "--role-name",
            "lists",
            "--assume-role-policy-document",
            TRUST,
        ])
        .succeeded();
    environment
        .aws(&[
            "iam",
            "put-role-policy",
            "--role-name",
            "lists",
            "--policy-name",
            "may",
            "--policy-document",
            MAY_LIST,
        ])
        .succeeded();
    let function = environment.deploy_python_as("calls", CALLS, "lists");

    let list = r#"{"service": "lambda", "path": "/2015-03-31/functions"}"#;
    let other = r#"{"service": "lambda", "path": "/2015-03-31/functions/calls"}"#;
    let listed = call(&environment, &function, list);
    let denied = call(&environment, &function, other);

    assert_eq!(listed["status"], 200, "{listed}");
    assert_eq!(denied["status"], 403, "{denied}");
    let error = denied["error"].as_str().unwrap();
    assert!(error.contains("assumed-role/lists/calls"), "{error}");
    assert!(environment.stop().is_none());
}

#[test]
fn what_a_function_sends_and_receives_is_in_its_usage() {
    const DOWNLOADS: &str = "
    import os, urllib.request
    url = os.environ['AWS_ENDPOINT_URL'] + '/_firelight/health'
    return [urllib.request.urlopen(url, data=None, timeout=10).status for _ in range(20)]
";
    let Some(environment) = TestEnvironment::start() else {
        return;
    };
    if !has_way_out(&environment) {
        return firelight_e2e::lacking::lacking("a way out for functions").unwrap_or_default();
    }
    let name = environment.deploy_python("downloads", DOWNLOADS);

    call(&environment, &name, "{}");

    let usage = environment.until(|| {
        let usage = environment.firelight(&["usage", "--json"]);
        let usage = usage.succeeded().json();
        let function = usage["functions"][0].clone();
        (function["sent_bytes"].as_u64() > Some(0)).then_some(function)
    });
    // Twenty requests with their heads, and no more than that.
    for direction in ["sent_bytes", "received_bytes"] {
        let bytes = usage[direction].as_u64().unwrap();
        assert!((2_000..200_000).contains(&bytes), "{usage}");
    }
    assert!(environment.stop().is_none());
}

#[test]
fn on_the_hosts_own_network_functions_reach_what_listens_on_its_loopback_each_by_itself() {
    const ASKS: &str = "
    import os, socket
    with socket.create_connection(('127.0.0.1', event['port']), 10) as connection:
        return [connection.recv(100).decode(), os.environ['AWS_LAMBDA_RUNTIME_API']]
";
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("firelight.toml");
    std::fs::write(&file, "[sandbox]\nnetwork = 'host'\n").unwrap();
    let flags = ["--config", file.to_str().unwrap()];
    let Some(environment) = TestEnvironment::start_as(Flavor::dev().with(&flags)) else {
        return;
    };
    let neighbour = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = neighbour.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = neighbour.accept() {
            let _ = std::io::Write::write_all(&mut client, b"hello");
        }
    });
    let payload = format!(r#"{{"port": {port}}}"#);
    let names = ["asks-1", "asks-2"].map(|name| environment.deploy_python(name, ASKS));

    let answers = names.map(|name| call(&environment, &name, &payload));

    for answer in &answers {
        assert_eq!(answer[0], "hello", "{answer}");
        let own = answer[1].as_str().unwrap();
        assert!(own.starts_with("127.0.0.1:"), "{own}");
    }
    assert_ne!(
        answers[0][1], answers[1][1],
        "each has a Runtime API of its own"
    );
    assert!(environment.stop().is_none());
}
