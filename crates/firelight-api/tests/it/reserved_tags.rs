//! Keys of tags that begin with `aws:` belong to AWS's own services: nobody puts them on or takes them away.

use firelight_api::Authentication;
use serde_json::{Value, json};

use crate::iam::TRUST;
use crate::lambda::plane::{Api, FUNCTIONS, creation, with};
use crate::support::{Answer, Server, server};

const TEXT: &str = "aws: prefixed tag key names are not allowed for external use.";
const FUNCTION_TAGS: &str =
    "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

fn assert_json(answer: &Answer, code: &str) {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 400, "{body}");
    assert_eq!(
        (&body["__type"], &body["message"]),
        (&json!(code), &json!(TEXT))
    );
}

#[tokio::test]
async fn of_functions() {
    let api = Api::start().await;
    api.active("f").await;
    let tags = json!({"Tags": {"AWS:x": "v"}});

    let created = api.post(FUNCTIONS, with(creation("g"), tags.clone())).await;
    let put_on = api.post(FUNCTION_TAGS, tags).await;
    let taken_off = api
        .delete(&format!("{FUNCTION_TAGS}?tagKeys=aws%3Ax"))
        .await;

    for answer in [created, put_on, taken_off] {
        answer.refused(400, "InvalidParameterValueException", TEXT);
    }
    assert_eq!(api.get(&format!("{FUNCTIONS}/g")).await.status, 404);
}

#[tokio::test]
async fn of_log_groups() {
    let server = server(Authentication::AnyCredentials).await;
    let logs = async |operation: &str, input: Value| {
        let target = format!("Logs_20140328.{operation}");
        server.json(&target, &input.to_string()).await
    };
    let tagged = |name: &str| json!({"logGroupName": name, "tags": {"aws:x": "v"}});

    let created = logs("CreateLogGroup", tagged("g")).await;
    let found = logs("DescribeLogGroups", json!({})).await;
    logs("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let put_on = logs("TagLogGroup", tagged("g")).await;

    assert_json(&created, "InvalidParameterException");
    assert_eq!(found.body, r#"{"logGroups":[]}"#);
    assert_json(&put_on, "InvalidParameterException");
}

#[tokio::test]
async fn of_parameters() {
    let server = server(Authentication::AnyCredentials).await;
    let ssm = async |operation: &str, input: Value| {
        let target = format!("AmazonSSM.{operation}");
        server.json(&target, &input.to_string()).await
    };
    let parameter = json!({"Name": "p", "Value": "v", "Type": "String"});
    let tags = json!({"Tags": [{"Key": "aws:x", "Value": "v"}]});
    let resource = json!({"ResourceType": "Parameter", "ResourceId": "p"});

    let created = ssm("PutParameter", with(parameter.clone(), tags.clone())).await;
    ssm("PutParameter", parameter).await;
    let put_on = ssm("AddTagsToResource", with(resource, tags)).await;

    assert_json(&created, "ValidationException");
    assert_json(&put_on, "ValidationException");
}

#[tokio::test]
async fn of_roles() {
    let server = server(Authentication::AnyCredentials).await;

    let created = server
        .form(&format!(
            "Version=2010-05-08&Action=CreateRole&RoleName=r&AssumeRolePolicyDocument={TRUST}\
             &Tags.member.1.Key=aws%3Ax&Tags.member.1.Value=v"
        ))
        .await;

    assert_eq!(
        (created.status, created.element("Code")),
        (400, "InvalidInput")
    );
    assert_eq!(created.element("Message"), TEXT);
}

async fn s3(server: &Server, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("PUT {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}");
    server
        .send(format!("{head}Content-Length: {length}\r\n\r\n{body}"))
        .await
}

#[tokio::test]
async fn of_buckets_and_objects() {
    let server = server(Authentication::AnyCredentials).await;
    s3(&server, "/bucket", "", "").await;
    let tags = "<Tagging><TagSet><Tag><Key>aws:x</Key><Value>v</Value></Tag></TagSet></Tagging>";

    let bucket = s3(&server, "/bucket?tagging", "", tags).await;
    let object = s3(&server, "/bucket/key", "x-amz-tagging: aws%3Ax=v\r\n", "").await;

    assert_eq!((bucket.status, bucket.element("Code")), (400, "InvalidTag"));
    let text = "System tags cannot be added/updated by requester";
    assert_eq!(bucket.element("Message"), text);
    assert_eq!((object.status, object.element("Code")), (400, "InvalidTag"));
    let text = "Your TagKey cannot be prefixed with aws:";
    assert_eq!(object.element("Message"), text);
}
