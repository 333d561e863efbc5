//! Conditions of policies, and bodies that would have a call allowed as one thing and done as another.

use firelight_api::sigv4::SigningCredentials;
use firelight_control::sts::{Caller, Identity, Session};
use serde_json::{Value, json};

use crate::authorization::{OneUser, Signed, with_function};
use crate::lambda::plane::{creation, with};
use crate::support::sessions;

const FUNCTIONS: &str = "/2015-03-31/functions";

fn allow(action: &str, condition: Value) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition})
}

#[tokio::test]
async fn where_a_request_comes_from_is_a_condition() {
    for (network, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 403)] {
        let condition = json!({"IpAddress": {"aws:SourceIp": network}});
        let one = OneUser::who_may(allow("lambda:ListFunctions", condition)).await;
        let ann = one.ann();

        let answer = ann.lambda("GET", FUNCTIONS, "").await;

        assert_eq!(answer.status, status, "{network}");
    }
}

#[tokio::test]
async fn layers_that_a_call_attaches_are_a_condition() {
    let own = "arn:aws:lambda:us-east-1:000000000000:layer:own:*";
    let condition = json!({"ForAllValues:StringLike": {"lambda:Layer": own}});
    let one = OneUser::who_may(allow("lambda:*", condition)).await;
    let ann = one.ann();
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
    let condition = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}});
    let one = OneUser::who_may(allow("lambda:*", condition)).await;
    let ann = one.ann();
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
    let statements = json!([
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::000000000000:role/mine"},
    ]);
    let one = OneUser::who_may(statements).await;
    let ann = one.ann();
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
    let statements = json!([
        {"Effect": "Allow", "Action": "ssm:*", "Resource": "arn:aws:ssm:*:*:parameter/mine*"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:log-group:mine:*"},
        {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:role/mine"},
    ]);
    let one = OneUser::who_may(statements).await;
    let ann = one.ann();
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

#[tokio::test]
async fn what_a_listing_of_a_bucket_asks_for_is_a_condition() {
    let statement = json!([
        {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
         "Condition": {"StringLike": {"s3:prefix": "home/*"}}},
    ]);
    let one = OneUser::who_may(statement).await;
    let ann = one.ann();
    let unsigned = Some(("x-amz-content-sha256", "UNSIGNED-PAYLOAD"));
    let s3 = async |method, path: &str| ann.send("s3", method, path, unsigned, "").await;
    s3("PUT", "/bucket").await;

    let home = s3("GET", "/bucket?list-type=2&prefix=home%2Fann").await;
    let other = s3("GET", "/bucket?list-type=2&prefix=secret").await;
    let all = s3("GET", "/bucket?list-type=2").await;

    assert_eq!(home.status, 200, "{}", home.body);
    assert_eq!((other.status, all.status), (403, 403));
}

#[tokio::test]
async fn whoever_assumes_a_role_may_be_a_condition_of_its_trust() {
    let allowed = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"});
    let one = OneUser::who_may(allowed).await;
    let ann = one.ann();
    let root = one.root();
    for (role, name) in [("for-ann", "ann"), ("for-bob", "bob")] {
        let who = format!("arn:aws:iam::000000000000:user/{name}");
        let trust = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": who}}}});
        root.iam(&[
            ("Action", "CreateRole"),
            ("RoleName", role),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ])
        .await;
    }
    let assume = async |role: &str| {
        let arn = format!("arn:aws:iam::000000000000:role/{role}");
        let call = [
            ("Action", "AssumeRole"),
            ("RoleArn", &*arn),
            ("RoleSessionName", "one"),
        ];
        ann.form("sts", &call).await
    };

    assert_eq!(assume("for-ann").await.status, 200);
    assert_eq!(assume("for-bob").await.status, 403);
}

#[tokio::test]
async fn the_function_whose_code_asks_is_a_condition() {
    let (server, _plane) = with_function().await;
    let owner = crate::authorization::root();
    let root = Signed {
        server: &server,
        credentials: &owner,
    };
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":
        {"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let function = "arn:aws:lambda:us-east-1:000000000000:function:mine";
    let policy = json!({"Version": "2012-10-17", "Statement":
        allow("lambda:ListFunctions", json!({"ArnEquals": {"lambda:SourceFunctionArn": function}}))});
    let created = root
        .iam(&[
            ("Action", "CreateRole"),
            ("RoleName", "app"),
            ("AssumeRolePolicyDocument", trust),
        ])
        .await;
    root.iam(&[
        ("Action", "PutRolePolicy"),
        ("RoleName", "app"),
        ("PolicyName", "own"),
        ("PolicyDocument", &policy.to_string()),
    ])
    .await;
    let list = async |source: &str| {
        let caller = Caller {
            account: "000000000000".parse().unwrap(),
            identity: Identity::AssumedRole {
                role_name: "app".to_owned(),
                role_id: created.element("RoleId").to_owned(),
                session_name: "mine".to_owned(),
            },
            access_key_id: String::new(),
            source_function: Some(source.to_owned()),
            session_policies: Vec::new(),
        };
        let session = Session::new(&caller, i64::MAX).unwrap();
        let key = sessions().seal(&session, [1; 10]);
        let credentials = SigningCredentials {
            access_key_id: key.access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: Some(key.session_token),
        };
        let session = Signed {
            server: &server,
            credentials: &credentials,
        };
        session.lambda("GET", FUNCTIONS, "").await
    };

    let mine = list(function).await;

    assert_eq!(mine.status, 200, "{}", mine.body);
    assert_eq!(
        list("arn:aws:lambda:us-east-1:000000000000:function:other")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn naming_a_version_of_a_parameter_does_not_lead_around_a_deny() {
    let statements = json!([
        {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ssm:*", "Resource": "arn:aws:ssm:*:*:parameter/secret"},
    ]);
    let one = OneUser::who_may(statements).await;
    let ann = one.ann();
    let target = Some(("x-amz-target", "AmazonSSM.GetParameter"));
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/secret:1";

    for name in ["secret", "/secret", "secret:1", "secret:prod", arn] {
        let body = json!({"Name": name}).to_string();
        let answer = ann.send("ssm", "POST", "/", target, &body).await;
        assert!(
            answer.body.contains("explicit deny"),
            "{name}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn resource_policies_of_logs_allow_and_deny() {
    let statement = json!({"Effect": "Allow", "Action": "logs:DeleteLogGroup", "Resource": "*"});
    let one = OneUser::who_may(statement).await;
    let ann = one.ann();
    let root = one.root();
    let call = async |who: &Signed<'_>, operation: &str, body: Value| {
        let target = format!("Logs_20140328.{operation}");
        let header = Some(("x-amz-target", &*target));
        who.send("logs", "POST", "/", header, &body.to_string())
            .await
    };
    let group = || json!({"logGroupName": "g"});
    let before = call(&ann, "CreateLogGroup", group()).await;
    let who = json!({"AWS": "arn:aws:iam::000000000000:user/ann"});
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": who, "Action": "logs:CreateLogGroup", "Resource": "*"},
        {"Effect": "Deny", "Principal": who, "Action": "logs:DeleteLogGroup", "Resource": "*"},
    ]});
    let policy = json!({"policyName": "p", "policyDocument": document.to_string()});
    let put = call(&root, "PutResourcePolicy", policy).await;

    let created = call(&ann, "CreateLogGroup", group()).await;
    let deleted = call(&ann, "DeleteLogGroup", group()).await;

    assert!(
        before.body.contains("no identity-based policy"),
        "{}",
        before.body
    );
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(created.status, 200, "{}", created.body);
    let text = "with an explicit deny in a resource-based policy";
    assert!(deleted.body.contains(text), "{}", deleted.body);
}

#[tokio::test]
async fn tags_of_a_function_are_told_to_who_may_list_them() {
    for (actions, sees) in [
        (json!(["lambda:GetFunction"]), false),
        (json!(["lambda:GetFunction", "lambda:ListTags"]), true),
    ] {
        let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let one = OneUser::who_may(statement).await;
        let creation = with(creation("f"), json!({"Tags": {"team": "one"}}));
        let created = one
            .root()
            .lambda("POST", FUNCTIONS, &creation.to_string())
            .await;
        assert_eq!(created.status, 201, "{}", created.body);

        let answer = one.ann().lambda("GET", &format!("{FUNCTIONS}/f"), "").await;

        assert_eq!(answer.status, 200, "{}", answer.body);
        let found: Value = serde_json::from_str(&answer.body).unwrap();
        if sees {
            assert_eq!(found["Tags"], json!({"team": "one"}));
            assert!(found.get("TagsError").is_none());
        } else {
            let text = "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: lambda:ListTags \
                on resource: arn:aws:lambda:us-east-1:000000000000:function:f because no identity-based policy \
                allows the lambda:ListTags action";
            assert!(found.get("Tags").is_none());
            let expected = json!({"ErrorCode": "AccessDeniedException", "Message": text});
            assert_eq!(found["TagsError"], expected);
        }
    }
}
