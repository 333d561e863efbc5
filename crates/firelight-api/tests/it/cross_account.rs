//! What one account may do with what another one has: both must allow it.

use firelight_api::Authentication;
use firelight_control::{
    AddPermission, Conditions, Control, CreateFunction, NewCode, Origin, Settings,
};
use firelight_model::{Architecture, FunctionArn, FunctionTarget, PackageType, RequestId, Tenancy};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::authorization::{Signed, user, with_function};
use crate::lambda::plane::{Api, Plane, Ready, zip_bytes};
use crate::support::{Answer, Server, server, server_with};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";
const HERE: &str = "000000000000";

fn origin() -> Origin {
    Origin {
        request_id: RequestId::from_random(*uuid::Uuid::new_v4().as_bytes()),
    }
}

fn foreign() -> FunctionArn {
    FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "111111111111".parse().unwrap(),
        name: "f".parse().unwrap(),
    }
}

/// Creates a function in the other account and waits until it can be invoked.
async fn create(control: &Control) {
    let _completion = control.start_completion(&CancellationToken::new(), Ready);
    let creation = CreateFunction {
        arn: foreign(),
        role: "arn:aws:iam::111111111111:role/r1".parse().unwrap(),
        package_type: PackageType::Zip,
        code: NewCode::Zip {
            zip: zip_bytes("one").into(),
            source_kms_key: None,
        },
        architecture: Architecture::X86_64,
        tenancy: Tenancy::Shared,
        settings: Settings {
            runtime: Some("python3.13".parse().unwrap()),
            handler: Some("index.handler".parse().unwrap()),
            ..Settings::default()
        },
        tags: Default::default(),
        code_signing_config: None,
        publish: false,
    };
    control.create_function(&origin(), creation).await.unwrap();
    let view = control.view();
    loop {
        let seen = view.applied();
        let entry = control.function(&foreign()).unwrap();
        if !entry.function.record.life_cycle.is_moving() {
            return;
        }
        let next = firelight_store::Rev::new(seen.get() + 1);
        view.reach(next).await.unwrap();
    }
}

/// Lets a principal do one thing with the other account's function.
async fn grant(control: &Control, principal: &str, action: &str) {
    let permission = AddPermission {
        target: FunctionTarget {
            arn: foreign(),
            qualifier: None,
        },
        sid: action.replace(':', "-"),
        principal: principal.parse().unwrap(),
        action: action.to_owned(),
        conditions: Conditions::default(),
        expected_revision: None,
    };
    control.add_permission(&origin(), permission).await.unwrap();
}

fn path(rest: &str) -> String {
    format!(
        "/2015-03-31/functions/{}{rest}",
        FUNCTION.replace(':', "%3A")
    )
}

async fn dry_run(caller: &Signed<'_>) -> Answer {
    let header = Some(("x-amz-invocation-type", "DryRun"));
    let path = path("/invocations");
    caller.send("lambda", "POST", &path, header, "{}").await
}

#[tokio::test]
async fn another_accounts_function_is_invoked_by_a_grant_of_its_policy_and_of_the_callers() {
    let (server, plane) = with_function().await;
    create(&plane.control).await;
    let all = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"});
    let key = user(&server, all).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };

    let before = dry_run(&ann).await;
    grant(&plane.control, HERE, "lambda:InvokeFunction").await;
    let after = dry_run(&ann).await;
    let other = ann.lambda("GET", &path(""), "").await;

    let text = format!(
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: \
         lambda:InvokeFunction on resource: {FUNCTION} because no resource-based policy allows \
         the lambda:InvokeFunction action"
    );
    assert_eq!(before.status, 403);
    assert_eq!(before.body, json!({ "Message": text }).to_string());
    assert_eq!(after.status, 204, "{}", after.body);
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn a_grant_of_the_other_account_is_nothing_to_whom_the_own_account_allows_nothing() {
    let (server, plane) = with_function().await;
    create(&plane.control).await;
    grant(&plane.control, HERE, "lambda:InvokeFunction").await;
    let elsewhere = json!({"Effect": "Allow", "Action": "lambda:*",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:*"});
    let key = user(&server, elsewhere).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };

    let answer = dry_run(&ann).await;

    assert_eq!(answer.status, 403);
    let text = "because no identity-based policy allows the lambda:InvokeFunction action";
    assert!(answer.body.contains(text), "{}", answer.body);
}

#[tokio::test]
async fn what_a_policy_grants_works_for_every_operation_on_a_function() {
    let (server, plane) = with_function().await;
    create(&plane.control).await;
    grant(&plane.control, HERE, "lambda:GetFunctionConfiguration").await;
    let all = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"});
    let key = user(&server, all).await;
    let ann = Signed {
        server: &server,
        credentials: &key,
    };

    let found = ann.lambda("GET", &path("/configuration"), "").await;
    let deleted = ann.lambda("DELETE", &path(""), "").await;

    assert_eq!(found.status, 200, "{}", found.body);
    assert!(found.body.contains(FUNCTION), "{}", found.body);
    assert_eq!(deleted.status, 403);
}

#[tokio::test]
async fn accounts_stay_apart_where_policies_are_not_enforced() {
    let plane = Plane::start().await;
    create(&plane.control).await;
    let server = server_with(Authentication::AnyCredentials, plane.lambda()).await;
    let api = Api::on(server, plane);

    let before = api.get(&path("/configuration")).await;
    grant(api.control(), HERE, "lambda:GetFunctionConfiguration").await;
    let after = api.get(&path("/configuration")).await;

    assert_eq!((before.status, after.status), (403, 200));
}

/// Sends a request of S3 as the root of an account.
async fn s3(server: &Server, account: &str, method: &str, path: &str, body: &str) -> Answer {
    s3_with(server, account, (method, path), "", body).await
}

/// Sends a request of S3 with further lines of headers.
async fn s3_with(
    server: &Server,
    account: &str,
    (method, path): (&str, &str),
    headers: &str,
    body: &str,
) -> Answer {
    let length = body.len();
    let claim = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: {claim}\r\n\
         x-amz-date: 20260101T000000Z\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    server.send(request).await
}

#[tokio::test]
async fn another_accounts_bucket_is_used_by_a_grant_of_its_policy() {
    let server = server(Authentication::AnyCredentials).await;
    let (owner, guest) = ("111111111111", "222222222222");
    s3(&server, owner, "PUT", "/bucket", "").await;
    s3(&server, owner, "PUT", "/bucket/key", "content").await;

    let before = s3(&server, guest, "GET", "/bucket/key", "").await;
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"AWS": guest}, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*"}});
    let put = s3(&server, owner, "PUT", "/bucket?policy", &policy.to_string()).await;
    let after = s3(&server, guest, "GET", "/bucket/key", "").await;
    let write = s3(&server, guest, "PUT", "/bucket/key", "other").await;

    assert_eq!(before.status, 403, "{}", before.body);
    assert_eq!(before.element("Code"), "AccessDenied");
    assert_eq!(put.status, 204, "{}", put.body);
    assert_eq!((after.status, after.body.as_str()), (200, "content"));
    assert_eq!(write.status, 403, "{}", write.body);
    let named = "s3:PutObject on resource: &quot;arn:aws:s3:::bucket/key&quot; ";
    assert!(write.body.contains(named), "{}", write.body);
}

#[tokio::test]
async fn an_object_is_copied_between_accounts_where_the_source_and_the_target_let_it() {
    let server = server(Authentication::AnyCredentials).await;
    let (owner, guest) = ("111111111111", "222222222222");
    s3(&server, owner, "PUT", "/source", "").await;
    s3(&server, owner, "PUT", "/source/key", "content").await;
    s3(&server, guest, "PUT", "/target", "").await;
    let header = "x-amz-copy-source: /source/key\r\n";
    let copy = || s3_with(&server, guest, ("PUT", "/target/copy"), header, "");

    let before = copy().await;
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"AWS": guest}, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::source/*"}});
    s3(&server, owner, "PUT", "/source?policy", &policy.to_string()).await;
    let after = copy().await;
    let copied = s3(&server, guest, "GET", "/target/copy", "").await;
    let theirs = s3(&server, owner, "GET", "/target/copy", "").await;

    assert_eq!(before.status, 403, "{}", before.body);
    assert_eq!(after.status, 200, "{}", after.body);
    assert_eq!((copied.status, copied.body.as_str()), (200, "content"));
    assert_eq!(theirs.status, 403, "{}", theirs.body);
}
