//! IAM and STS by the query protocol.

use firelight_api::Authentication;

use crate::support::{Answer, Server, server};

pub(crate) const TRUST: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A\
    %22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action\
    %22%3A%22sts%3AAssumeRole%22%7D%7D";
pub(crate) const DOCUMENT: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A\
    %22Allow%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";

pub(crate) async fn iam(server: &Server, call: &str) -> Answer {
    server
        .form(&format!("Version=2010-05-08&Action={call}"))
        .await
}

pub(crate) async fn refused(server: &Server, call: &str, status: u16, code: &str, message: &str) {
    let answer = iam(server, call).await;
    let found = (
        answer.status,
        answer.element("Code"),
        answer.element("Message"),
    );
    assert_eq!(found, (status, code, message), "{call}");
}

async fn with_role() -> Server {
    let server = server(Authentication::AnyCredentials).await;
    let call = format!("CreateRole&RoleName=app&AssumeRolePolicyDocument={TRUST}");
    assert_eq!(iam(&server, &call).await.status, 200);
    server
}

#[tokio::test]
async fn caller_without_a_signature_is_the_configured_account() {
    let server = server(Authentication::AnyCredentials).await;

    let answer = server
        .form("Version=2011-06-15&Action=GetCallerIdentity")
        .await;

    assert_eq!(answer.element("Arn"), "arn:aws:iam::000000000000:root");
    assert_eq!(answer.element("Account"), "000000000000");
    assert!(answer.body.starts_with(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    ));
}

#[tokio::test]
async fn created_role_is_found_by_its_name_in_any_case() {
    let server = with_role().await;

    let answer = iam(&server, "GetRole&RoleName=APP").await;

    assert_eq!(answer.element("Arn"), "arn:aws:iam::000000000000:role/app");
    assert_eq!(answer.element("MaxSessionDuration"), "3600");
    let id = answer.element("RoleId");
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    assert!(
        answer
            .element("AssumeRolePolicyDocument")
            .starts_with("%7B%22Version%22")
    );
}

#[tokio::test]
async fn failures_have_the_codes_and_texts_of_iam() {
    let server = with_role().await;

    let again = format!("CreateRole&RoleName=App&AssumeRolePolicyDocument={TRUST}");
    refused(
        &server,
        &again,
        409,
        "EntityAlreadyExists",
        "Role with name App already exists.",
    )
    .await;
    let text = "The role with name nope cannot be found.";
    refused(&server, "GetRole&RoleName=nope", 404, "NoSuchEntity", text).await;
    let broken = "CreateRole&RoleName=b&AssumeRolePolicyDocument=%7B";
    let text = "This policy contains invalid Json";
    refused(&server, broken, 400, "MalformedPolicyDocument", text).await;
    let arn = "arn:aws:iam::aws:policy/Nope";
    let attach = format!("AttachRolePolicy&RoleName=app&PolicyArn={arn}");
    let text = format!("Policy {arn} does not exist or is not attachable.");
    refused(&server, &attach, 404, "NoSuchEntity", &text).await;
    let text = "Could not find operation Nonsense for version 2010-05-08";
    refused(&server, "Nonsense", 400, "InvalidAction", text).await;
}

#[tokio::test]
async fn role_goes_only_after_its_policies() {
    let server = with_role().await;
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    iam(
        &server,
        &format!("AttachRolePolicy&RoleName=app&PolicyArn={arn}"),
    )
    .await;
    iam(
        &server,
        &format!("PutRolePolicy&RoleName=app&PolicyName=in&PolicyDocument={DOCUMENT}"),
    )
    .await;

    let conflict = "DeleteConflict";
    let text = "Cannot delete entity, must detach all policies first.";
    refused(&server, "DeleteRole&RoleName=app", 409, conflict, text).await;
    iam(
        &server,
        &format!("DetachRolePolicy&RoleName=app&PolicyArn={arn}"),
    )
    .await;
    let text = "Cannot delete entity, must delete policies first.";
    refused(&server, "DeleteRole&RoleName=app", 409, conflict, text).await;
    iam(&server, "DeleteRolePolicy&RoleName=app&PolicyName=in").await;
    assert_eq!(iam(&server, "DeleteRole&RoleName=app").await.status, 200);
    assert_eq!(iam(&server, "GetRole&RoleName=app").await.status, 404);
}

#[tokio::test]
async fn list_comes_in_pages_that_together_are_whole() {
    let server = server(Authentication::AnyCredentials).await;
    for name in ["c", "a", "b"] {
        iam(&server, &format!("CreateUser&UserName={name}")).await;
    }

    let first = iam(&server, "ListUsers&MaxItems=2").await;
    let marker = first.element("Marker");
    let second = iam(&server, &format!("ListUsers&MaxItems=2&Marker={marker}")).await;

    assert_eq!(first.element("IsTruncated"), "true");
    assert!(first.body.contains("user/a<") && first.body.contains("user/b<"));
    assert_eq!(second.element("IsTruncated"), "false");
    assert!(second.body.contains("user/c<") && !second.body.contains("user/b<"));
}

#[tokio::test]
async fn policy_in_use_or_with_versions_stays() {
    let server = with_role().await;
    let call = format!("CreatePolicy&PolicyName=p&PolicyDocument={DOCUMENT}");
    let arn = iam(&server, &call).await.element("Arn").to_owned();
    iam(
        &server,
        &format!("AttachRolePolicy&RoleName=app&PolicyArn={arn}"),
    )
    .await;
    let version =
        format!("CreatePolicyVersion&PolicyArn={arn}&SetAsDefault=true&PolicyDocument={DOCUMENT}");
    assert_eq!(iam(&server, &version).await.element("VersionId"), "v2");

    let delete = format!("DeletePolicy&PolicyArn={arn}");
    let text = "Cannot delete a policy attached to entities.";
    refused(&server, &delete, 409, "DeleteConflict", text).await;
    iam(
        &server,
        &format!("DetachRolePolicy&RoleName=app&PolicyArn={arn}"),
    )
    .await;
    assert_eq!(iam(&server, &delete).await.status, 409);
    iam(
        &server,
        &format!("DeletePolicyVersion&PolicyArn={arn}&VersionId=v1"),
    )
    .await;
    assert_eq!(iam(&server, &delete).await.status, 200);
}

#[tokio::test]
async fn concurrent_changes_of_one_role_are_all_kept() {
    let server = with_role().await;
    let call = |index: u32| {
        format!("PutRolePolicy&RoleName=app&PolicyName=p{index}&PolicyDocument={DOCUMENT}")
    };

    let calls: Vec<String> = (0..8).map(call).collect();
    let answers = futures_util::future::join_all(calls.iter().map(|call| iam(&server, call))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    let list = iam(&server, "ListRolePolicies&RoleName=app").await;
    assert_eq!(list.body.matches("<member>").count(), 8, "{}", list.body);
}

/// What Terraform asks of a user before it deletes it with `force_destroy`.
#[tokio::test]
async fn user_has_nothing_that_would_have_to_go_first() {
    let server = server(Authentication::AnyCredentials).await;
    iam(&server, "CreateUser&UserName=ann").await;

    for call in [
        "ListGroupsForUser&UserName=ann",
        "ListSSHPublicKeys&UserName=ann",
        "ListVirtualMFADevices&AssignmentStatus=Assigned",
        "ListMFADevices&UserName=ann",
        "ListSigningCertificates&UserName=ann",
        "ListServiceSpecificCredentials&UserName=ann",
    ] {
        let answer = iam(&server, call).await;
        assert_eq!(answer.status, 200, "{call}: {}", answer.body);
        assert_eq!(answer.element("IsTruncated"), "false", "{call}");
    }
    let none = "Login Profile for User ann cannot be found.";
    let call = "DeleteLoginProfile&UserName=ann";
    refused(&server, call, 404, "NoSuchEntity", none).await;
}
