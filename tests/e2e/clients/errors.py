"""Refusals of the control plane and of Invoke: code, status and message, as AWS words them."""

import io
import zipfile

from support import *

HELLO = "def handler(event, context):\n    return event\n"
INVALID = "InvalidParameterValueException"
VALIDATION = "ValidationException"
NOT_FOUND = "ResourceNotFoundException"


def invalid(value, path, constraint):
    return (
        f"1 validation error detected: Value '{value}' at '{path}' "
        f"failed to satisfy constraint: Member must {constraint}"
    )


@scenario
def unknown_functions():
    missing = f"Function not found: {arn('nope')}"
    for call in (client.get_function, client.get_function_configuration, client.publish_version,
                 client.list_versions_by_function, client.delete_function):
        refused(call, NOT_FOUND, missing, 404, FunctionName="nope")
    refused(client.invoke, NOT_FOUND, missing + ":$LATEST", 404, FunctionName="nope")
    name = create(HELLO)
    for call in (client.get_function, client.invoke, client.delete_function):
        refused(call, NOT_FOUND, f"Function not found: {arn(name)}:7", 404, FunctionName=name, Qualifier="7")


@scenario
def a_name_that_is_taken():
    parameters = arguments(HELLO)
    client.create_function(**parameters)

    message = f"Function already exist: {parameters['FunctionName']}"
    refused(client.create_function, "ResourceConflictException", message, 409, **parameters)


@scenario
def names_that_are_too_long_or_malformed():
    parameters = arguments(HELLO)
    parameters["FunctionName"] = "x" * 65
    message = invalid("x" * 65, "functionName", "have length less than or equal to 64")
    refused(client.create_function, INVALID, message, 400, **parameters)
    parameters["FunctionName"] = "x" * 141
    message = invalid("x" * 141, "functionName", "have length less than or equal to 140")
    refused(client.create_function, VALIDATION, re.compile(re.escape(message)), 400, **parameters)
    parameters["FunctionName"] = "no blanks"
    pattern = re.compile("at 'functionName' failed .* regular expression pattern: ")
    refused(client.create_function, VALIDATION, pattern, 400, **parameters)


@scenario
def bad_runtimes():
    message = re.compile(
        r"^Value perl5 at 'runtime' failed to satisfy constraint: "
        r"Member must satisfy enum value set: \[.*provided\.al2023.*\] or be a valid ARN$"
    )
    refused(client.create_function, INVALID, message, 400, **arguments(HELLO, runtime="perl5"))
    message = (
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda "
        "functions. We recommend you use a supported runtime while creating or updating functions."
    )
    refused(client.create_function, INVALID, message, 400, **arguments(HELLO, runtime="python3.7"))


@scenario
def a_zip_function_without_runtime_or_handler():
    message = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    for left_out in ("Runtime", "Handler"):
        parameters = arguments(HELLO)
        del parameters[left_out]
        refused(client.create_function, INVALID, message, 400, **parameters)


@scenario
def settings_out_of_range():
    for member, path, value, constraint in (
        ("MemorySize", "memorySize", 127, "have value greater than or equal to 128"),
        ("Timeout", "timeout", 0, "have value greater than or equal to 1"),
    ):
        parameters = arguments(HELLO, **{member: value})
        refused(client.create_function, VALIDATION, invalid(value, path, constraint), 400, **parameters)
    for member, value in (("MemorySize", 10241), ("Timeout", 901)):
        parameters = arguments(HELLO, **{member: value})
        refused(client.create_function, None, re.compile("less than or equal to"), 400, **parameters)
    parameters = arguments(HELLO, MemorySize=1, Timeout=0)
    two = re.compile(r"^2 validation errors detected: Value '.*' at '.*' failed .*; Value '.*' at '")
    refused(client.create_function, VALIDATION, two, 400, **parameters)
    parameters = arguments(HELLO, Architectures=["X86"])
    element = re.compile(
        r"Value '\[X86\]' at 'architectures' failed to satisfy constraint: "
        r"Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\]"
    )
    refused(client.create_function, VALIDATION, element, 400, **parameters)


@scenario
def a_role_that_is_none():
    pattern = re.compile("Value 'me' at 'role' failed .* regular expression pattern: ")
    refused(client.create_function, VALIDATION, pattern, 400, **{**arguments(HELLO), "Role": "me"})


@scenario
def packages_that_are_none():
    message = "Could not unzip uploaded file. Please check your file, then try to upload again."
    whole = package({"app.py": HELLO})
    for code in (b"this is no zip", whole[: len(whole) // 2], b""):
        parameters = {**arguments(HELLO), "Code": {"ZipFile": code}}
        refused(client.create_function, INVALID, message if code else None, 400, **parameters)


@scenario
def packages_that_are_too_large():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("zeros", "w") as entry:
            for _ in range(251):
                entry.write(bytes(1024 * 1024))
    message = "Unzipped size must be smaller than 262144000 bytes"
    parameters = {**arguments(HELLO), "Code": {"ZipFile": buffer.getvalue()}}
    refused(client.create_function, INVALID, message, 400, **parameters)
    parameters["Code"] = {"ZipFile": bytes(52_428_801)}
    message = "Zipped size must be smaller than 52428800 bytes"
    refused(client.create_function, "RequestEntityTooLargeException", message, 413, **parameters)


@scenario
def variables_that_are_too_many_or_reserved():
    prefix = "Lambda was unable to configure your environment variables because the environment variables you have provided "
    parameters = arguments(HELLO, Environment={"Variables": {"KEY": "v" * 4096}})
    message = prefix + 'exceeded the 4KB limit. String measured: {"KEY":"' + "v" * 4096 + '"}'
    refused(client.create_function, INVALID, message, 400, **parameters)
    parameters = arguments(HELLO, Environment={"Variables": {"AWS_REGION": "x"}})
    message = prefix + (
        "contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION"
    )
    refused(client.create_function, INVALID, message, 400, **parameters)


@scenario
def stale_revisions():
    name = create(HELLO)
    message = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    stale = "00000000-0000-0000-0000-000000000000"
    calls = (
        (client.update_function_code, {"ZipFile": package({"app.py": HELLO})}),
        (client.update_function_configuration, {"MemorySize": 256}),
        (client.publish_version, {}),
    )
    for call, more in calls:
        refused(call, "PreconditionFailedException", message, 412, FunctionName=name, RevisionId=stale, **more)


@scenario
def a_qualifier_that_contradicts_the_name():
    name = create(HELLO)
    client.publish_version(FunctionName=name)

    message = "The derived qualifier from the function name does not match the specified qualifier."
    refused(client.get_function, INVALID, message, 400, FunctionName=f"{name}:1", Qualifier="$LATEST")


@scenario
def versions_that_cannot_be_deleted_or_published():
    name = create(HELLO)
    message = "$LATEST version cannot be deleted without deleting the function."
    refused(client.delete_function, INVALID, message, 400, FunctionName=name, Qualifier="$LATEST")
    current = client.get_function_configuration(FunctionName=name)["CodeSha256"]
    message = (
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    refused(client.publish_version, INVALID, message, 400, FunctionName=name, CodeSha256="other")


@scenario
def an_image_for_a_zip_function():
    name = create(HELLO)
    message = "Please don't provide ImageUri when updating a function with packageType Zip."
    refused(client.update_function_code, INVALID, message, 400, FunctionName=name, ImageUri="a/b:c")


@scenario
def a_log_level_without_json():
    message = (
        'LogLevel is not supported when LogFormat is set to "Text". '
        'Remove LogLevel from your request or change the LogFormat to "JSON" and try again.'
    )
    parameters = arguments(HELLO, LoggingConfig={"LogFormat": "Text", "ApplicationLogLevel": "DEBUG"})
    refused(client.create_function, INVALID, message, 400, **parameters)


@scenario
def a_function_of_another_region():
    other = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    refused(client.get_function, NOT_FOUND, message, 404, FunctionName=other)


@scenario
def events_that_are_no_json():
    name = create(HELLO)
    prefix = re.compile("^Could not parse request body into json: ")
    for payload in (b"{", b"nope", b"\x99", b"{} {}"):
        refused(client.invoke, "InvalidRequestContentException", prefix, 400, FunctionName=name, Payload=payload)


@scenario
def events_that_are_too_large():
    name = create(HELLO)
    payload = b'"' + b"x" * 6_291_455 + b'"'
    message = "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
    refused(client.invoke, "RequestTooLargeException", message, 413, FunctionName=name, Payload=payload)


main()
