use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, still, with, zip};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";
const VALIDATION: &str = "ValidationException";

/// What every answer about a fresh function has, the states aside.
fn listed() -> Value {
    json!({
        "FunctionName": "f",
        "FunctionArn": ARN,
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/r1",
        "Handler": "index.handler",
        "CodeSize": 0,
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "…",
        "CodeSha256": "…",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": "…",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    })
}

/// Takes the runtime's version out after checking its form.
fn without_runtime_version(mut value: Value) -> Value {
    let config = value
        .as_object_mut()
        .unwrap()
        .remove("RuntimeVersionConfig")
        .unwrap();
    let arn = config["RuntimeVersionArn"].as_str().unwrap();
    let hex = arn
        .strip_prefix("arn:aws:lambda:us-east-1::runtime:")
        .unwrap();
    assert!(
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        "{arn}"
    );
    value
}

#[tokio::test]
async fn a_created_function_is_answered_with_exactly_these_fields() {
    let api = Api::start().await;

    let created = api.post(FUNCTIONS, creation("f")).await;

    assert_eq!(created.status, 201);
    let pending = json!({
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    });
    assert_eq!(
        without_runtime_version(still(created.body)),
        with(listed(), pending)
    );
}

#[tokio::test]
async fn an_active_function_has_no_reasons() {
    let api = Api::start().await;
    api.active("f").await;

    let found = api.get(&format!("{FUNCTIONS}/f/configuration")).await;

    let active = json!({"State": "Active", "LastUpdateStatus": "Successful"});
    assert_eq!(
        without_runtime_version(still(found.body)),
        with(listed(), active)
    );
}

#[tokio::test]
async fn listings_leave_states_and_runtime_versions_out() {
    let api = Api::start().await;
    api.active("f").await;

    let functions = api.get(FUNCTIONS).await.body;
    let slashed = api.get(&format!("{FUNCTIONS}/")).await.body;
    let all = api
        .get(&format!("{FUNCTIONS}?FunctionVersion=ALL"))
        .await
        .body;

    assert_eq!(
        functions.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["Functions"]
    );
    assert_eq!(still(functions["Functions"][0].clone()), listed());
    assert_eq!(functions, slashed);
    let qualified = json!({"FunctionArn": format!("{ARN}:$LATEST")});
    assert_eq!(
        still(all["Functions"][0].clone()),
        with(listed(), qualified)
    );
}

#[tokio::test]
async fn an_update_is_in_progress_first() {
    let api = Api::start().await;
    api.active("f").await;

    let updated = api
        .put(
            &format!("{FUNCTIONS}/f/configuration"),
            json!({"Timeout": 5, "Environment": {}}),
        )
        .await;

    assert_eq!(updated.status, 200);
    let expected = json!({
        "Timeout": 5,
        "Environment": {"Variables": {}},
        "State": "Active",
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    });
    assert_eq!(
        without_runtime_version(still(updated.body)),
        with(listed(), expected)
    );

    let again = api
        .put(
            &format!("{FUNCTIONS}/f/configuration"),
            json!({"Timeout": 6}),
        )
        .await;
    let text = format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
    );
    let body = again.refused(409, "ResourceConflictException", &text);
    assert_eq!(body["Type"], "User");
    assert!(body.get("message").is_some());
}

#[tokio::test]
async fn every_setting_is_kept_and_shown() {
    let api = Api::start().await;
    let _completion = api.complete();
    let settings = json!({
        "Description": "d", "Timeout": 900, "MemorySize": 10240, "Architectures": ["arm64"],
        "Environment": {"Variables": {"A1": "b"}},
        "EphemeralStorage": {"Size": 10240}, "TracingConfig": {"Mode": "Active"},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"},
        "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "FileSystemConfigs": [{
            "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
            "LocalMountPath": "/mnt/data",
        }],
        "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "mine"},
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "Tags": {"k": "v"},
    });
    let created = api
        .post(FUNCTIONS, with(creation("f"), settings.clone()))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    api.settled("f").await;

    let found = api.get(&format!("{FUNCTIONS}/f")).await.body;

    assert_eq!(found["Tags"], json!({"k": "v"}));
    let shown = &found["Configuration"];
    for name in [
        "Description",
        "Timeout",
        "MemorySize",
        "Architectures",
        "Environment",
        "EphemeralStorage",
        "TracingConfig",
        "DeadLetterConfig",
        "KMSKeyArn",
        "FileSystemConfigs",
    ] {
        assert_eq!(shown[name], settings[name], "{name}");
    }
    let vpc = json!({
        "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1",
        "Ipv6AllowedForDualStack": false,
    });
    assert_eq!(shown["VpcConfig"], vpc);
    let logging = json!({
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN",
        "LogGroup": "mine",
    });
    assert_eq!(shown["LoggingConfig"], logging);
    let snap_start = json!({"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"});
    assert_eq!(shown["SnapStart"], snap_start);
}

#[tokio::test]
async fn the_location_of_the_code_downloads_exactly_the_code() {
    let api = Api::start().await;
    api.active("f").await;

    let found = api.get(&format!("{FUNCTIONS}/f")).await.body;
    let location = found["Code"]["Location"].as_str().unwrap();
    let path = location.strip_prefix("http://h").unwrap();
    let downloaded = api.raw("GET", path, "").await;

    assert_eq!(found["Code"]["RepositoryType"], "S3");
    assert_eq!(downloaded.status, 200);
    assert!(downloaded.head.contains("content-type: application/zip"));
    let size = found["Configuration"]["CodeSize"].as_u64().unwrap();
    assert!(downloaded.head.contains(&format!("content-length: {size}")));
    assert!(downloaded.body.starts_with("PK"));

    // The URL is good for this one package.
    let digest = path.split(['/', '?']).nth(2).unwrap();
    let other = path.replace(digest, &"0".repeat(64));
    assert_eq!(api.raw("GET", &other, "").await.status, 403);
}

#[tokio::test]
async fn a_function_is_found_under_every_form_of_its_name() {
    let api = Api::start().await;
    api.active("f").await;

    for name in [
        "f",
        "f:$LATEST",
        "f%3A%24LATEST",
        "000000000000:function:f",
        "function:f",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af",
        "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
    ] {
        let found = api.get(&format!("{FUNCTIONS}/{name}/configuration")).await;
        assert_eq!(found.status, 200, "{name}");
        let qualified = name.ends_with("LATEST");
        let arn = if qualified {
            format!("{ARN}:$LATEST")
        } else {
            ARN.to_owned()
        };
        assert_eq!(found.body["FunctionArn"], arn, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_under_its_own_name() {
    let api = Api::start().await;
    api.active("f").await;
    let other = "arn:aws:lambda:us-east-1:000000000000:function:other";
    let at = |rest: &str| format!("{FUNCTIONS}/{rest}");

    let unknown = api.get(&at("other")).await;
    let body = unknown.refused(404, RNF, &format!("Function not found: {other}"));
    assert_eq!(
        *body,
        json!({"Type": "User", "Message": format!("Function not found: {other}")})
    );
    let version = api.get(&at("f?Qualifier=7")).await;
    version.refused(404, RNF, &format!("Function not found: {ARN}:7"));
    let alias = api.get(&at("f/configuration?Qualifier=prod")).await;
    alias.refused(404, RNF, &format!("Function not found: {ARN}:prod"));
    let region = api
        .get(&at("arn:aws:lambda:eu-west-1:000000000000:function:f"))
        .await;
    let text = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    region.refused(404, RNF, text);
    let differ = api.get(&at("f:one?Qualifier=two")).await;
    let text =
        "The derived qualifier from the function name does not match the specified qualifier.";
    differ.refused(400, IPV, text);
    let foreign = api
        .get(&at("arn:aws:lambda:us-east-1:123456789012:function:f"))
        .await;
    let text = "User: arn:aws:iam::000000000000:root is not authorized to perform: lambda:GetFunction \
        on resource: arn:aws:lambda:us-east-1:123456789012:function:f because no resource-based policy \
        allows the lambda:GetFunction action";
    foreign.refused(403, "AccessDeniedException", text);
    api.put(&at("other/configuration"), json!({}))
        .await
        .refused(404, RNF, &format!("Function not found: {other}"));
    api.delete(&at("other"))
        .await
        .refused(404, RNF, &format!("Function not found: {other}"));
}

#[tokio::test]
async fn creations_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;
    let refused = async |members: Value, status: u16, name: &str, text: &str| {
        let request = with(creation("g"), members);
        api.post(FUNCTIONS, request)
            .await
            .refused(status, name, text)
            .clone()
    };

    refused(
        json!({"FunctionName": "f"}),
        409,
        "ResourceConflictException",
        "Function already exist: f",
    )
    .await;
    let long = "g".repeat(65);
    let text = format!(
        "1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: \
         Member must have length less than or equal to 64"
    );
    refused(json!({"FunctionName": long}), 400, IPV, &text).await;
    let text = "Value cobol9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \
        [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, \
        python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, \
        dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN";
    refused(json!({"Runtime": "cobol9"}), 400, IPV, text).await;
    let text = "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda \
        functions. We recommend you use a supported runtime while creating or updating functions.";
    refused(json!({"Runtime": "python3.7"}), 400, IPV, text).await;
    let text = "The role defined for the function cannot be assumed by Lambda.";
    let stranger = json!({"Role": "arn:aws:iam::000000000000:role/stranger"});
    refused(stranger, 400, IPV, text).await;
    let text = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    refused(json!({"Code": {"ZipFile": "bm90IGEgemlw"}}), 400, IPV, text).await;
    let text = "Error occurred while GetObject. S3 Error Code: NoSuchBucket. \
        S3 Error Message: The specified bucket does not exist";
    refused(
        json!({"Code": {"S3Bucket": "nobodys", "S3Key": "k"}}),
        400,
        IPV,
        text,
    )
    .await;
    let text = "1 validation error detected: Value '1200' at 'timeout' failed to satisfy constraint: \
        Member must have value less than or equal to 900";
    refused(json!({"Timeout": 1200}), 400, VALIDATION, text).await;
    let text = "1 validation error detected: Value '20000' at 'memorySize' failed to satisfy constraint: \
        Member must have value less than or equal to 10240";
    refused(json!({"MemorySize": 20000}), 400, VALIDATION, text).await;
    let text = "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: \
        Member must have value greater than or equal to 128";
    refused(json!({"MemorySize": 127}), 400, VALIDATION, text).await;
    let text = "Lambda was unable to configure your environment variables because the environment variables \
        you have provided contains reserved keys that are currently not supported for modification. \
        Reserved keys used in this request: AWS_REGION";
    let reserved = json!({"Environment": {"Variables": {"AWS_REGION": "x"}}});
    refused(reserved, 400, IPV, text).await;
    let text = "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request \
        or change the LogFormat to \"JSON\" and try again.";
    let level = json!({"LoggingConfig": {"SystemLogLevel": "WARN"}});
    refused(level, 400, IPV, text).await;
    let text = "nodejs20.x is not supported for SnapStart enabled functions.";
    let snap = json!({"Runtime": "nodejs20.x", "SnapStart": {"ApplyOn": "PublishedVersions"}});
    refused(snap, 400, IPV, text).await;
    let layer = "arn:aws:lambda:us-east-1:000000000000:layer:l:1";
    let text = format!("Layer version {layer} does not exist.");
    refused(json!({"Layers": [layer]}), 400, IPV, &text).await;
    let text = "Please don't provide handler or runtime or layer when the intent is to create function via \
        container image.";
    let image = json!({"PackageType": "Image", "Code": {"ImageUri": "a/b:c"}});
    refused(image, 400, IPV, text).await;
}

#[tokio::test]
async fn a_zip_needs_a_runtime_and_a_handler() {
    let api = Api::start().await;
    let mut request = creation("g");
    request.as_object_mut().unwrap().remove("Handler");

    let refused = api.post(FUNCTIONS, request).await;

    let text = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
    refused.refused(400, IPV, text);
}

#[tokio::test]
async fn a_large_environment_is_refused_with_what_was_measured() {
    let api = Api::start().await;
    let value = "x".repeat(4100);
    let variables = json!({"Environment": {"Variables": {"K1": value}}});

    let refused = api.post(FUNCTIONS, with(creation("g"), variables)).await;

    let text = format!(
        "Lambda was unable to configure your environment variables because the environment variables you \
         have provided exceeded the 4KB limit. String measured: {{\"K1\":\"{value}\"}}"
    );
    refused.refused(400, IPV, &text);
}

#[tokio::test]
async fn stale_revisions_and_wrong_packages_stop_updates() {
    let api = Api::start().await;
    api.active("f").await;
    let stale = "The Revision Id provided does not match the latest Revision Id. \
        Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
    let code = format!("{FUNCTIONS}/f/code");

    let request = json!({"ZipFile": zip("two"), "RevisionId": "no"});
    api.put(&code, request)
        .await
        .refused(412, "PreconditionFailedException", stale);
    let image = api.put(&code, json!({"ImageUri": "a/b:c"})).await;
    let text = "Please don't provide ImageUri when updating a function with packageType Zip.";
    image.refused(400, IPV, text);
}

#[tokio::test]
async fn an_image_function_has_neither_runtime_nor_handler() {
    let api = Api::start().await;
    let _completion = api.complete();
    let request = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r1", "PackageType": "Image",
        "Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/repo:tag"},
        "ImageConfig": {"Command": ["app.handler"]},
    });
    let created = api.post(FUNCTIONS, request).await;
    assert_eq!(created.status, 201, "{created:?}");
    api.settled("f").await;

    let found = api.get(&format!("{FUNCTIONS}/f")).await.body;

    let configuration = &found["Configuration"];
    for absent in ["Runtime", "Handler", "Layers", "RuntimeVersionConfig"] {
        assert!(configuration.get(absent).is_none(), "{absent}");
    }
    assert_eq!(
        configuration["ImageConfigResponse"],
        json!({"ImageConfig": {"Command": ["app.handler"]}})
    );
    assert_eq!(found["Code"]["RepositoryType"], "ECR");
    let resolved = found["Code"]["ResolvedImageUri"].as_str().unwrap();
    assert!(resolved.starts_with("000000000000.dkr.ecr.us-east-1.amazonaws.com/repo@sha256:"));
    assert_eq!(configuration["CodeSha256"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn deleting_answers_nothing_and_the_function_is_gone() {
    let api = Api::start().await;
    api.active("f").await;

    let latest = api
        .delete(&format!("{FUNCTIONS}/f?Qualifier=%24LATEST"))
        .await;
    let text = "$LATEST version cannot be deleted without deleting the function.";
    latest.refused(400, IPV, text);
    let deleted = api.delete(&format!("{FUNCTIONS}/f")).await;

    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    assert_eq!(api.get(&format!("{FUNCTIONS}/f")).await.status, 404);
}

#[tokio::test]
async fn an_operation_that_is_not_built_says_so_by_name() {
    let api = Api::start().await;

    let refused = api.get("/2025-12-01/durable-executions/e").await;

    let text = "GetDurableExecution is not built yet";
    refused.refused(501, "NotImplementedException", text);
}
