"""Functions from creation to deletion, as boto3 sees them."""

import base64
import hashlib
import urllib.request

from support import *

DURABLE_EXECUTION = (
    "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    "/durable-execution/e/0123456789abcdef0123456789abcdef"
)
HELLO = "def handler(event, context):\n    return {'hello': event.get('name', 'nobody')}\n"


@scenario
def a_function_is_pending_then_active():
    parameters = arguments(HELLO)
    created = client.create_function(**parameters)

    equal(created["ResponseMetadata"]["HTTPStatusCode"], 201)
    equal(created["State"], "Pending")
    equal(created["StateReason"], "The function is being created.")
    equal(created["StateReasonCode"], "Creating")
    assert "LastUpdateStatus" not in created, created

    client.get_waiter("function_exists").wait(FunctionName=parameters["FunctionName"])
    wait("function_active_v2", parameters["FunctionName"])
    client.get_waiter("function_active").wait(FunctionName=parameters["FunctionName"])
    active = client.get_function_configuration(FunctionName=parameters["FunctionName"])
    equal((active["State"], active["LastUpdateStatus"]), ("Active", "Successful"))
    assert "StateReason" not in active and "StateReasonCode" not in active, active
    assert active["RevisionId"] != created["RevisionId"]


@scenario
def every_waiter_comes_to_its_end():
    name = client.create_function(**arguments(HELLO))["FunctionName"]
    created = ("function_exists", "function_active", "function_active_v2")
    updated = ("function_updated", "function_updated_v2")
    wait("function_active_v2", name)
    for waiter in created + updated:
        wait(waiter, name)
    client.update_function_configuration(FunctionName=name, Timeout=5)
    for waiter in updated + created:
        wait(waiter, name)
    version = client.publish_version(FunctionName=name)["Version"]
    waiting = {"Delay": 0.05, "MaxAttempts": 400}
    published = client.get_waiter("published_version_active")
    published.wait(FunctionName=name, Qualifier=version, WaiterConfig=waiting)
    equal(
        sorted(client.waiter_names),
        sorted(created + updated + ("published_version_active",)),
    )


@scenario
def a_configuration_has_every_default():
    parameters = arguments(HELLO)
    client.create_function(**parameters)
    name, code = parameters["FunctionName"], parameters["Code"]["ZipFile"]
    wait("function_active_v2", name)

    found = client.get_function_configuration(FunctionName=name)

    revision, modified = found.pop("RevisionId"), found.pop("LastModified")
    runtime_version = found.pop("RuntimeVersionConfig")
    found.pop("ResponseMetadata")
    equal(
        found,
        {
            "FunctionName": name,
            "FunctionArn": arn(name),
            "Runtime": python_runtime(),
            "Role": ROLE,
            "Handler": "app.handler",
            "CodeSize": len(code),
            "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "Version": "$LATEST",
            "TracingConfig": {"Mode": "PassThrough"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        },
    )
    matches(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", revision)
    matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$", modified)
    matches(rf"^arn:aws:lambda:{REGION}::runtime:[0-9a-f]{{64}}$", runtime_version["RuntimeVersionArn"])


@scenario
def lists_leave_out_the_state():
    names = {create(HELLO) for _ in range(3)}

    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    functions = [function for page in pages for function in page["Functions"]]

    assert names <= {function["FunctionName"] for function in functions}
    for function in functions:
        absent = {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & function.keys()
        assert not absent, absent
    first = client.list_functions(MaxItems=2)
    equal(len(first["Functions"]), 2)
    assert "NextMarker" in first


@scenario
def the_code_location_downloads():
    parameters = arguments(HELLO)
    client.create_function(**parameters)
    wait("function_active_v2", parameters["FunctionName"])

    function = client.get_function(FunctionName=parameters["FunctionName"])

    equal(function["Code"]["RepositoryType"], "S3")
    with urllib.request.urlopen(function["Code"]["Location"]) as answer:
        equal(answer.read(), parameters["Code"]["ZipFile"])


@scenario
def a_version_keeps_its_own_code_location():
    name = create(HELLO)
    old = client.publish_version(FunctionName=name)
    changed = package({"app.py": HELLO.replace("hello", "bye")})
    client.update_function_code(FunctionName=name, ZipFile=changed)
    wait("function_updated_v2", name)

    def download(**more):
        location = client.get_function(FunctionName=name, **more)["Code"]["Location"]
        with urllib.request.urlopen(location) as answer:
            return answer.read()

    equal(download(), changed)
    digest = base64.b64encode(hashlib.sha256(download(Qualifier="1")).digest()).decode()
    equal(digest, old["CodeSha256"])


@scenario
def updated_code_is_what_runs():
    name = create(HELLO)
    equal(invoke(name, {"name": "ann"}).json, {"hello": "ann"})
    before = client.get_function_configuration(FunctionName=name)

    code = package({"app.py": HELLO.replace("hello", "bye")})
    updated = client.update_function_code(FunctionName=name, ZipFile=code)

    equal(updated["LastUpdateStatus"], "InProgress")
    assert updated["CodeSha256"] != before["CodeSha256"]
    assert updated["RevisionId"] != before["RevisionId"]
    wait("function_updated_v2", name)
    equal(invoke(name, {"name": "ann"}).json, {"bye": "ann"})


@scenario
def a_dry_run_of_an_update_changes_nothing():
    name = create(HELLO)
    before = client.get_function_configuration(FunctionName=name)

    client.update_function_code(FunctionName=name, ZipFile=package({"app.py": "x = 1"}), DryRun=True)

    after = client.get_function_configuration(FunctionName=name)
    equal(after["CodeSha256"], before["CodeSha256"])
    equal(invoke(name, {}).json, {"hello": "nobody"})


@scenario
def settings_are_replaced_and_the_rest_is_kept():
    name = create(HELLO, Environment={"Variables": {"ONE": "1", "TWO": "2"}}, Description="first")

    updated = client.update_function_configuration(
        FunctionName=name, MemorySize=256, Timeout=10, Environment={"Variables": {"THREE": "3"}}
    )

    equal(updated["LastUpdateStatus"], "InProgress")
    equal(updated["LastUpdateStatusReasonCode"], "Creating")
    wait("function_updated_v2", name)
    found = client.get_function_configuration(FunctionName=name)
    equal((found["MemorySize"], found["Timeout"], found["Description"]), (256, 10, "first"))
    equal(found["Environment"], {"Variables": {"THREE": "3"}})


@scenario
def published_versions_never_change():
    name = create(HELLO, Environment={"Variables": {"STAGE": "one"}})

    first = client.publish_version(FunctionName=name, Description="the first")
    again = client.publish_version(FunctionName=name)
    code = package({"app.py": HELLO.replace("hello", "bye")})
    client.update_function_code(FunctionName=name, ZipFile=code)
    wait("function_updated_v2", name)
    second = client.publish_version(FunctionName=name)

    equal((first["Version"], first["FunctionArn"]), ("1", arn(name) + ":1"))
    equal((first["State"], first["LastUpdateStatus"]), ("Active", "Successful"))
    equal((again["Version"], second["Version"]), ("1", "2"))
    old, new = invoke(name, {}, Qualifier="1"), invoke(name, {}, Qualifier="2")
    equal((old.json, old.version), ({"hello": "nobody"}, "1"))
    equal((new.json, new.version), ({"bye": "nobody"}, "2"))
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    equal([version["Version"] for version in listed], ["$LATEST", "1", "2"])
    equal(listed[0]["FunctionArn"], arn(name) + ":$LATEST")
    equal(listed[1]["Description"], "the first")


@scenario
def deleted_functions_are_gone():
    name = create(HELLO)
    invoke(name, {})

    answer = client.delete_function(FunctionName=name)

    equal(answer["ResponseMetadata"]["HTTPStatusCode"], 204)
    gone = f"Function not found: {arn(name)}"
    refused(client.get_function, "ResourceNotFoundException", gone, 404, FunctionName=name)
    refused(client.delete_function, "ResourceNotFoundException", gone, 404, FunctionName=name)
    refused(client.invoke, "ResourceNotFoundException", None, 404, FunctionName=name)


@scenario
def every_form_of_the_name_is_understood():
    name = create(HELLO)
    client.publish_version(FunctionName=name)
    forms = [name, arn(name), f"{ACCOUNT}:function:{name}", f"{name}:$LATEST", arn(name) + ":1"]

    for form in forms:
        equal(invoke(form, {}).json, {"hello": "nobody"})
    qualified = client.get_function_configuration(FunctionName=name, Qualifier="$LATEST")
    equal(qualified["FunctionArn"], arn(name) + ":$LATEST")


@scenario
def tags_are_kept_with_the_function():
    name = create(HELLO, Tags={"team": "a"})

    client.tag_resource(Resource=arn(name), Tags={"stage": "dev", "team": "b"})
    client.untag_resource(Resource=arn(name), TagKeys=["stage"])

    equal(client.list_tags(Resource=arn(name))["Tags"], {"team": "b"})
    equal(client.get_function(FunctionName=name)["Tags"], {"team": "b"})


@scenario
def the_caller_has_an_identity_and_roles():
    identity = service("sts").get_caller_identity()
    equal(identity["Account"], ACCOUNT)
    assert identity["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:"), identity

    iam, role = service("iam"), unique("role")
    trust = trust_policy()
    created = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]
    equal(created["Arn"], f"arn:aws:iam::{ACCOUNT}:role/{role}")
    equal(iam.get_role(RoleName=role)["Role"]["RoleName"], role)
    iam.delete_role(RoleName=role)
    refused(iam.get_role, "NoSuchEntity", None, 404, RoleName=role)


@scenario
def a_group_holds_users_and_their_policies():
    iam, group, user = service("iam"), unique("group"), unique("user")
    iam.create_user(UserName=user)
    equal(iam.create_group(GroupName=group)["Group"]["Arn"], f"arn:aws:iam::{ACCOUNT}:group/{group}")
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.put_group_policy(GroupName=group, PolicyName="own", PolicyDocument=allow_all())

    equal([member["UserName"] for member in iam.get_group(GroupName=group)["Users"]], [user])
    equal([found["GroupName"] for found in iam.list_groups_for_user(UserName=user)["Groups"]], [group])
    equal(iam.get_group_policy(GroupName=group, PolicyName="own")["PolicyDocument"], json.loads(allow_all()))
    refused(iam.delete_user, "DeleteConflict", None, 409, UserName=user)
    iam.remove_user_from_group(GroupName=group, UserName=user)
    iam.delete_user(UserName=user)
    iam.delete_group_policy(GroupName=group, PolicyName="own")
    iam.delete_group(GroupName=group)
    refused(iam.get_group, "NoSuchEntity", None, 404, GroupName=group)


def allow_all():
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@scenario
def an_operation_that_is_not_built_says_so():
    try:
        client.get_durable_execution(DurableExecutionArn=DURABLE_EXECUTION)
    except ClientError as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 501)
        assert "GetDurableExecution" in error.response["Error"]["Message"], error.response
    else:
        raise AssertionError("answered, though it is not built")


main()
