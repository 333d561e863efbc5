//! The listener for operators: metrics, health and readiness.

use std::io::{Read, Write};
use std::net::TcpStream;

use firelight_e2e::TestEnvironment;
use firelight_e2e::daemon::Flavor;
use firelight_e2e::package::{python_runtime, repository};

/// Asks for a path and returns the whole answer, head and body.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the sum of a family's numbers whose labels have all of these parts.
fn sum(metrics: &str, family: &str, parts: &[&str]) -> f64 {
    let mut sum = 0.0;
    for line in metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{family}{{")))
    {
        let (labels, value) = line.rsplit_once(' ').unwrap();
        if parts.iter().all(|part| labels.contains(part)) {
            sum += value.parse::<f64>().unwrap();
        }
    }
    sum
}

/// Prometheus understands every line, and operators find every family explained.
fn assert_read_by_prometheus(environment: &TestEnvironment, address: &str) {
    let url = format!("http://{address}/metrics");
    let scraped = environment.script("scrape", &[&url]).succeeded();
    let explained = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    for family in scraped.stdout().lines() {
        assert!(explained.contains(&format!("`{family}`")), "{family}");
    }
}

#[test]
fn operator_sees_what_functions_did_and_that_the_daemon_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("firelight.toml");
    std::fs::write(&config, "[admin]\nlisten = '127.0.0.1:0'\n").unwrap();
    let flavor = Flavor::dev().with(&["--config", config.to_str().unwrap()]);
    let (Some(environment), Some(_)) = (TestEnvironment::start_as(flavor), python_runtime()) else {
        return;
    };
    let address = environment.until(|| {
        let output = environment.daemon_output();
        let told = output.split("metrics and health are at http://").nth(1)?;
        Some(told.lines().next()?.trim().to_owned())
    });
    assert!(get(&address, "/health").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/ready").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/").starts_with("HTTP/1.1 404"));

    let name = environment.deploy_python("counted", "return 1 / event['n']");
    let invoke = |payload| {
        let out = directory.path().join("answer");
        let arguments = [
            "lambda",
            "invoke",
            "--function-name",
            &name,
            "--payload",
            payload,
        ];
        let raw = [out.to_str().unwrap()];
        environment.aws(&[&arguments[..], &raw[..]].concat())
    };
    invoke(r#"{"n": 1}"#).succeeded();
    invoke(r#"{"n": 0}"#).succeeded();
    let reserve = [
        "lambda",
        "put-function-concurrency",
        "--function-name",
        &name,
    ];
    environment
        .aws(&[&reserve[..], &["--reserved-concurrent-executions", "0"]].concat())
        .succeeded();
    invoke("{}");

    // An invocation is counted behind its answer.
    let metrics = environment.until(|| {
        let metrics = get(&address, "/metrics");
        (sum(&metrics, "firelight_invocations_total", &[]) >= 2.0).then_some(metrics)
    });
    let own = "function=\"counted\"";
    let all = |family, part| sum(&metrics, family, &[own, part]);
    assert_eq!(
        all("firelight_invocations_total", "version=\"$LATEST\""),
        2.0
    );
    assert_eq!(all("firelight_invocation_errors_total", ""), 1.0);
    assert_eq!(all("firelight_cold_invocations_total", ""), 1.0);
    assert_eq!(all("firelight_invocation_duration_seconds_count", ""), 2.0);
    let reason = "reason=\"ReservedFunctionConcurrentInvocationLimitExceeded\"";
    assert!(all("firelight_throttles_total", reason) >= 1.0, "{metrics}");
    let started = all("firelight_environment_starts_total", "pooled")
        + all("firelight_environment_starts_total", "exec");
    assert_eq!(started, 1.0);
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
    assert_read_by_prometheus(&environment, &address);

    let left = environment.stop();
    assert!(left.is_none(), "the daemon left {left:#?}");
}
