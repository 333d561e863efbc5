//! Groups of users: their life, and what they let their members do.

use firelight_api::Authentication;
use serde_json::json;

use crate::authorization::OneUser;
use crate::iam::{DOCUMENT, iam, refused};
use crate::support::{Server, server};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess";
const HAS_MEMBERS: &str = "Cannot delete entity, must remove users from group first.";

/// A server with the group `staff` and the user `ann`, who is in it.
async fn with_member() -> Server {
    let server = server(Authentication::AnyCredentials).await;
    for call in [
        "CreateGroup&GroupName=staff&Path=/people/",
        "CreateUser&UserName=ann",
        "AddUserToGroup&GroupName=staff&UserName=ann",
    ] {
        let answer = iam(&server, call).await;
        assert_eq!(answer.status, 200, "{call}: {}", answer.body);
    }
    server
}

#[tokio::test]
async fn group_shows_its_members_and_user_its_groups() {
    let server = with_member().await;

    let group = iam(&server, "GetGroup&GroupName=STAFF").await;
    let groups = iam(&server, "ListGroupsForUser&UserName=ann").await;
    let all = iam(&server, "ListGroups&PathPrefix=/people/").await;
    let elsewhere = iam(&server, "ListGroups&PathPrefix=/machines/").await;

    let arn = "arn:aws:iam::000000000000:group/people/staff";
    assert_eq!(group.element("Arn"), arn);
    let id = group.element("GroupId");
    assert!(id.starts_with("AGPA") && id.len() == 21, "{id}");
    assert_eq!(group.element("UserName"), "ann");
    assert_eq!(group.element("IsTruncated"), "false");
    assert_eq!(groups.element("Arn"), arn);
    assert_eq!(all.element("Arn"), arn);
    assert!(!elsewhere.body.contains("<member>"), "{}", elsewhere.body);
}

#[tokio::test]
async fn members_come_in_pages_that_together_are_whole() {
    let server = with_member().await;
    for name in ["eve", "bob"] {
        iam(&server, &format!("CreateUser&UserName={name}")).await;
        let add = format!("AddUserToGroup&GroupName=staff&UserName={name}");
        iam(&server, &add).await;
    }

    let first = iam(&server, "GetGroup&GroupName=staff&MaxItems=2").await;
    let marker = first.element("Marker");
    let call = format!("GetGroup&GroupName=staff&MaxItems=2&Marker={marker}");
    let second = iam(&server, &call).await;

    assert!(first.body.contains("user/ann<") && first.body.contains("user/bob<"));
    assert!(second.body.contains("user/eve<") && !second.body.contains("user/bob<"));
    assert_eq!(second.element("IsTruncated"), "false");
}

#[tokio::test]
async fn neither_a_group_with_members_nor_a_member_is_deleted() {
    let server = with_member().await;
    let (group, user) = ("DeleteGroup&GroupName=staff", "DeleteUser&UserName=ann");

    refused(&server, group, 409, "DeleteConflict", HAS_MEMBERS).await;
    refused(&server, user, 409, "DeleteConflict", HAS_MEMBERS).await;
    let remove = "RemoveUserFromGroup&GroupName=staff&UserName=ann";
    assert_eq!(iam(&server, remove).await.status, 200);

    assert_eq!(iam(&server, remove).await.status, 200, "again");
    assert_eq!(iam(&server, group).await.status, 200);
    assert_eq!(iam(&server, user).await.status, 200);
}

#[tokio::test]
async fn group_goes_only_after_its_policies() {
    let server = server(Authentication::AnyCredentials).await;
    let delete = "DeleteGroup&GroupName=staff";
    iam(&server, "CreateGroup&GroupName=staff").await;
    let attach = format!("AttachGroupPolicy&GroupName=staff&PolicyArn={READ_ONLY}");
    assert_eq!(iam(&server, &attach).await.status, 200);
    let put = format!("PutGroupPolicy&GroupName=staff&PolicyName=in&PolicyDocument={DOCUMENT}");
    assert_eq!(iam(&server, &put).await.status, 200);

    let attached = iam(&server, "ListAttachedGroupPolicies&GroupName=staff").await;
    let inline = iam(&server, "ListGroupPolicies&GroupName=staff").await;
    let document = iam(&server, "GetGroupPolicy&GroupName=staff&PolicyName=in").await;
    let holders = iam(
        &server,
        &format!("ListEntitiesForPolicy&PolicyArn={READ_ONLY}"),
    )
    .await;
    assert_eq!(attached.element("PolicyArn"), READ_ONLY);
    assert_eq!(inline.element("member"), "in");
    assert_eq!(document.element("GroupName"), "staff");
    assert_eq!(holders.element("GroupName"), "staff");

    let text = "Cannot delete entity, must detach all policies first.";
    refused(&server, delete, 409, "DeleteConflict", text).await;
    let detach = format!("DetachGroupPolicy&GroupName=staff&PolicyArn={READ_ONLY}");
    iam(&server, &detach).await;
    let text = "Cannot delete entity, must delete policies first.";
    refused(&server, delete, 409, "DeleteConflict", text).await;
    iam(&server, "DeleteGroupPolicy&GroupName=staff&PolicyName=in").await;
    assert_eq!(iam(&server, delete).await.status, 200);
}

#[tokio::test]
async fn renamed_group_keeps_its_members() {
    let server = with_member().await;
    iam(&server, "CreateGroup&GroupName=taken").await;
    let exists = "Group with name taken already exists.";
    let clash = "UpdateGroup&GroupName=staff&NewGroupName=taken";
    refused(&server, clash, 409, "EntityAlreadyExists", exists).await;

    let rename = "UpdateGroup&GroupName=staff&NewGroupName=crew&NewPath=/";
    assert_eq!(iam(&server, rename).await.status, 200);

    let groups = iam(&server, "ListGroupsForUser&UserName=ann").await;
    assert_eq!(
        groups.element("Arn"),
        "arn:aws:iam::000000000000:group/crew"
    );
    let missing = "The group with name staff cannot be found.";
    let get = "GetGroup&GroupName=staff";
    refused(&server, get, 404, "NoSuchEntity", missing).await;
}

#[tokio::test]
async fn failures_of_groups_have_the_codes_and_texts_of_iam() {
    let server = with_member().await;

    let text = "Group with name Staff already exists.";
    let call = "CreateGroup&GroupName=Staff";
    refused(&server, call, 409, "EntityAlreadyExists", text).await;
    let text = "The group with name nope cannot be found.";
    let call = "AddUserToGroup&GroupName=nope&UserName=ann";
    refused(&server, call, 404, "NoSuchEntity", text).await;
    let text = "The user with name nope cannot be found.";
    let call = "AddUserToGroup&GroupName=staff&UserName=nope";
    refused(&server, call, 404, "NoSuchEntity", text).await;
    let text = "The group policy with name nope cannot be found.";
    let call = "GetGroupPolicy&GroupName=staff&PolicyName=nope";
    refused(&server, call, 404, "NoSuchEntity", text).await;
}

#[tokio::test]
async fn user_is_in_ten_groups_at_most() {
    let server = with_member().await;
    for number in 2..=10 {
        iam(&server, &format!("CreateGroup&GroupName=g{number}")).await;
        let add = format!("AddUserToGroup&GroupName=g{number}&UserName=ann");
        assert_eq!(iam(&server, &add).await.status, 200, "{number}");
    }
    iam(&server, "CreateGroup&GroupName=g11").await;

    let text = "Cannot exceed quota for GroupsPerUser: 10";
    let call = "AddUserToGroup&GroupName=g11&UserName=ann";
    refused(&server, call, 409, "LimitExceeded", text).await;
    let again = "AddUserToGroup&GroupName=g2&UserName=ann";
    assert_eq!(iam(&server, again).await.status, 200);
}

#[tokio::test]
async fn member_may_do_what_its_group_may_for_as_long_as_it_is_one() {
    let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let one = OneUser::who_may(statement).await;
    let (ann, root) = (one.ann(), one.root());
    let list = || ann.lambda("GET", "/2015-03-31/functions/", "");
    let membership = [("GroupName", "staff"), ("UserName", "ann")];
    let change = |action| [("Action", action), membership[0], membership[1]];
    root.iam(&[("Action", "CreateGroup"), membership[0]]).await;
    root.iam(&[
        ("Action", "AttachGroupPolicy"),
        membership[0],
        ("PolicyArn", READ_ONLY),
    ])
    .await;
    assert_eq!(list().await.status, 403);

    root.iam(&change("AddUserToGroup")).await;
    assert_eq!(list().await.status, 200);
    root.iam(&change("RemoveUserFromGroup")).await;
    assert_eq!(list().await.status, 403);
}

/// What a caller may do to the user it adds says nothing about the group it would join.
#[tokio::test]
async fn who_may_change_a_user_may_not_for_that_put_it_into_a_group() {
    let user = "arn:aws:iam::000000000000:user/ann";
    let statement = json!({"Effect": "Allow", "Action": "iam:*", "Resource": user});
    let one = OneUser::who_may(statement).await;
    let group = ("GroupName", "admins");
    one.root().iam(&[("Action", "CreateGroup"), group]).await;

    let add = [("Action", "AddUserToGroup"), group, ("UserName", "ann")];
    let answer = one.ann().iam(&add).await;

    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains("group/admins"), "{}", answer.body);
}
