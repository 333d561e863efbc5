//! Conditions of policies, and bodies that would have a call allowed as one thing and done as another.

use serde_json::{Value, json};

use crate::authorization::{Signed, user, with_function};

const FUNCTIONS: &str = "/2015-03-31/functions";

fn allow(action: &str, condition: Value) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition})
}

#[tokio::test]
async fn where_a_request_comes_from_is_a_condition() {
    for (network, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 403)] {
        let (server, _plane) = with_function().await;
        let condition = json!({"IpAddress": {"aws:SourceIp": network}});
        let key = user(&server, allow("lambda:ListFunctions", condition)).await;
        let ann = Signed {
            server: &server,
            credentials: &key,
        };

        let answer = ann.lambda("GET", FUNCTIONS, "").await;

        assert_eq!(answer.status, status, "{network}");
    }
}

#[tokio::test]
async fn layers_that_a_call_attaches_are_a_condition() {
    let (server, _plane) = with_function().await;
    let own = "arn:aws:lambda:us-east-1:000000000000:layer:own:*";
    let condition = json!({"ForAllValues:StringLike": {"lambda:Layer": own}});
    let key = user(&server, allow("lambda:*", condition)).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };
    let path = format!("{FUNCTIONS}/f/configuration");
    let layer = |name: &str| {
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:layer:{name}:1");
        json!({"Layers": [arn]}).to_string()
    };

    // There is no function, so whoever is let in learns that.
    assert_eq!(ann.lambda("PUT", &path, &layer("own")).await.status, 404);
    assert_eq!(ann.lambda("PUT", &path, &layer("other")).await.status, 403);
}

#[tokio::test]
async fn tags_that_a_call_sets_or_removes_are_conditions() {
    let (server, _plane) = with_function().await;
    let condition = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}});
    let key = user(&server, allow("lambda:*", condition)).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };
    let path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";
    let tags = |key: &str| json!({"Tags": {key: "v"}}).to_string();
    let remove = |key: &str| format!("{path}?tagKeys={key}");

    assert_eq!(ann.lambda("POST", path, &tags("team")).await.status, 404);
    assert_eq!(ann.lambda("POST", path, &tags("cost")).await.status, 403);
    assert_eq!(ann.lambda("DELETE", &remove("team"), "").await.status, 404);
    assert_eq!(ann.lambda("DELETE", &remove("cost"), "").await.status, 403);
}

#[tokio::test]
async fn role_that_is_given_twice_is_passed_as_the_one_that_counts() {
    let (server, _plane) = with_function().await;
    let statements = json!([
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::000000000000:role/mine"},
    ]);
    let key = user(&server, statements).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };
    let role = |name: &str| format!("\"Role\":\"arn:aws:iam::000000000000:role/{name}\"");
    let body = format!(
        "{{\"FunctionName\":\"f\",{},\"Layers\":1,{}}}",
        role("mine"),
        role("admin")
    );

    let answer = ann.lambda("POST", FUNCTIONS, &body).await;

    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(
        answer.body.contains("iam:PassRole on resource"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn every_name_in_a_call_needs_its_permission() {
    let (server, _plane) = with_function().await;
    let statements = json!([
        {"Effect": "Allow", "Action": "ssm:*", "Resource": "arn:aws:ssm:*:*:parameter/mine*"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:log-group:mine:*"},
        {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:role/mine"},
    ]);
    let key = user(&server, statements).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };
    let ssm = Some(("x-amz-target", "AmazonSSM.GetParametersByPath"));
    let body = r#"{"Name":"/mine","Path":"/secret"}"#;
    let by_path = ann.send("ssm", "POST", "/", ssm, body).await;
    let logs = Some(("x-amz-target", "Logs_20140328.DeleteLogGroup"));
    let body = r#"{"logGroupIdentifier":"mine","logGroupName":"other"}"#;
    let group = ann.send("logs", "POST", "/", logs, body).await;
    let deletion = [
        ("Action", "DeleteUser"),
        ("RoleName", "mine"),
        ("UserName", "ann"),
    ];
    let deletion = ann.iam(&deletion).await;

    for answer in [by_path, group, deletion] {
        assert!(answer.body.contains("is not authorized"), "{}", answer.body);
    }
}
