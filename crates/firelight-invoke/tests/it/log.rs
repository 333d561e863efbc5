//! What stands in the log, and in which order.

use crate::plane::{Plane, REQUEST_ID, echo, error};
use crate::runtime::{Act, Init};

fn tail(completed: &firelight_invoke::Completed) -> String {
    String::from_utf8(completed.log_tail.as_ref().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn what_the_function_printed_before_its_answer_stands_before_end() {
    let plane = Plane::new(|event| Act::Print("one\ntwo".into(), event));
    let key = plane.add("f", 1);

    let tail = tail(&plane.invoke_with_tail(&key, "{}").await);

    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(
        lines[0],
        format!("START RequestId: {REQUEST_ID} Version: $LATEST")
    );
    assert_eq!(&lines[1..3], ["one", "two"]);
    assert_eq!(lines[3], format!("END RequestId: {REQUEST_ID}"));
    assert!(lines[4].starts_with(&format!("REPORT RequestId: {REQUEST_ID}\tDuration: ")));
    assert!(lines[4].contains("\tInit Duration: "), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
}

#[tokio::test]
async fn tail_is_the_last_four_kilobytes() {
    let plane = Plane::new(|event| Act::Print("x".repeat(10_000) + "\n", event));
    let key = plane.add("f", 1);

    let tail = tail(&plane.invoke_with_tail(&key, "{}").await);

    assert_eq!(tail.len(), 4096);
    assert!(tail.contains("REPORT RequestId"));
}

#[tokio::test]
async fn init_start_and_failed_inits_are_told() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);
    plane.set_init(Init::Fail {
        error_type: "Runtime.Boom".into(),
        payload: "{}".into(),
    });

    let completed = plane.invoke_with_tail(&key, "{}").await;

    let lines = plane.lines.lock().unwrap().clone();
    assert_eq!(
        lines[0],
        "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:aa"
    );
    assert!(lines[1].starts_with("INIT_REPORT Init Duration: "));
    assert!(
        lines[1].ends_with("\tPhase: init\tStatus: error\tError Type: Runtime.Boom"),
        "{}",
        lines[1]
    );
    let tail = tail(&completed);
    assert!(
        tail.contains("\tPhase: invoke\tStatus: error\tError Type: Runtime.Boom"),
        "{tail}"
    );
    assert!(
        tail.contains("Status: error\tError Type: Runtime.Boom\n"),
        "{tail}"
    );
}

#[tokio::test(start_paused = true)]
async fn timeout_is_told_before_end() {
    let plane = Plane::new(|_| Act::Hang);
    let key = plane.add("f", 1);

    error(plane.invoke(&key, "{}").await);
    plane.plane.drain(std::time::Duration::from_secs(60)).await;

    let lines = plane.lines.lock().unwrap().clone();
    let told = lines.iter().position(|line| {
        line.starts_with(&format!(
            "2026-11-23T15:00:00.000Z {REQUEST_ID} Task timed out after 3.00 seconds"
        ))
    });
    let end = lines.iter().position(|line| line.starts_with("END "));
    assert!(told.unwrap() < end.unwrap(), "{lines:#?}");
    let report = lines.last().unwrap();
    assert!(
        report.contains("Duration: 3000.00 ms\tBilled Duration: "),
        "{report}"
    );
    assert!(report.ends_with("Status: timeout"), "{report}");
}
