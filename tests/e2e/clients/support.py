"""What the scenarios share: a client, packages, functions, and the runner.

A scenario is a function marked with @scenario. `script.py NAME` runs one, `script.py --list` names all.
"""

import base64
import io
import json
import re
import subprocess
import sys
import time
import uuid
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE_NAME = "scenario"
ROLE = f"arn:aws:iam::000000000000:role/{ROLE_NAME}"
ACCOUNT = "000000000000"
REGION = "us-east-1"
CUSTOM = "provided.al2023"

# No retries: an answer that only a second attempt gives is a wrong answer.
_CONFIG = Config(retries={"max_attempts": 0}, read_timeout=120, parameter_validation=False)
SCENARIOS = {}


def service(name):
    return boto3.client(name, config=_CONFIG)


client = service("lambda")
logs = service("logs")


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def trust_policy():
    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def main():
    if sys.argv[1] == "--list":
        print("\n".join(SCENARIOS))
    else:
        service("iam").create_role(RoleName=ROLE_NAME, AssumeRolePolicyDocument=trust_policy())
        SCENARIOS[sys.argv[1]]()


def _version_of(program, pattern):
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return None
    return re.search(pattern, text).group(1)


def python_runtime():
    return "python" + _version_of("/usr/bin/python3", r"Python (\d+\.\d+)")


def node_runtime():
    return "nodejs" + _version_of("node", r"v(\d+)") + ".x"


def package(files, modes=None):
    """Zips names and texts (or bytes)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (modes or {}).get(name, 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def unique(base="f"):
    return f"{base}-{uuid.uuid4().hex[:8]}"


def arguments(files, handler="app.handler", runtime=None, **more):
    """Returns what create_function takes."""
    files = {"app.py": files} if isinstance(files, str) else files
    code = files if isinstance(files, bytes) else package(files)
    return {
        "FunctionName": unique(),
        "Role": ROLE,
        "Runtime": runtime or python_runtime(),
        "Handler": handler,
        "Code": {"ZipFile": code},
        **more,
    }


def create(files, **more):
    """Creates a function, waits until it is active, and returns its name."""
    name = client.create_function(**arguments(files, **more))["FunctionName"]
    wait("function_active_v2", name)
    return name


def create_node(source, file="index.mjs", **more):
    return create({file: source}, handler="index.handler", runtime=node_runtime(), **more)


def wait(waiter, name):
    client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})


class Answer:
    """What an invoke answered."""

    def __init__(self, raw):
        self.raw = raw
        self.status = raw["StatusCode"]
        self.error = raw.get("FunctionError")
        self.version = raw.get("ExecutedVersion")
        self.bytes = raw["Payload"].read()
        self.log = base64.b64decode(raw.get("LogResult", "")).decode()

    @property
    def json(self):
        return json.loads(self.bytes)

    @property
    def report(self):
        line = [line for line in self.log.splitlines() if line.startswith("REPORT ")][-1]
        return dict(field.split(": ", 1) for field in line.strip().split("\t") if ": " in field)

    @property
    def request_id(self):
        return re.search(r"START RequestId: (\S+)", self.log).group(1)


def invoke(name, event=None, **more):
    """Invokes with a log tail; the event is sent as JSON, or as it is if it is bytes."""
    if event is not None:
        more["Payload"] = event if isinstance(event, bytes) else json.dumps(event)
    return Answer(client.invoke(FunctionName=name, **{"LogType": "Tail", **more}))


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def refused(call, code, message=None, status=None, **parameters):
    """Fails unless the call is refused with this code and this message (a text, or a compiled pattern).

    What is None is not looked at.
    """
    try:
        answer = call(**parameters)
    except ClientError as error:
        found = error.response["Error"]
        metadata = error.response["ResponseMetadata"]
        assert code in (None, found["Code"]), (found, metadata)
        if isinstance(message, re.Pattern):
            assert message.search(found["Message"]), found
        elif message is not None:
            equal(found["Message"], message)
        if status is not None:
            equal(metadata["HTTPStatusCode"], status)
        return error.response
    raise AssertionError(f"not refused: {answer}")


def until(look, what):
    """Logs are written behind the invoke: looks until they are there."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never seen: {what}")


def messages(group, **more):
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **more)
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def equal(found, expected):
    assert found == expected, f"\nfound    {found!r}\nexpected {expected!r}"


def matches(pattern, text):
    assert re.search(pattern, text), f"\n{pattern!r} is not in\n{text}"
