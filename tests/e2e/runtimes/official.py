"""What must hold for a function on an official runtime client, whichever the client is.

FIRELIGHT_OFFICIAL_PACKAGE in the environment is the directory of its deployment package.
"""

import http.client
import os
from pathlib import Path
from urllib.parse import urlsplit

from support import *

PACKAGE = os.environ.get("FIRELIGHT_OFFICIAL_PACKAGE")
EVERY_BYTE = bytes(range(256))


def official(handler="app.handler", **more):
    """Creates a function of the client's package, and returns its name."""
    files, modes = {}, {}
    for path in (path for path in Path(PACKAGE).rglob("*") if path.is_file()):
        name = str(path.relative_to(PACKAGE))
        files[name], modes[name] = path.read_bytes(), path.stat().st_mode & 0o777
    return create(package(files, modes), runtime=CUSTOM, handler=handler, **{"Timeout": 20, **more})


@scenario
def one_environment_serves_many_events():
    name = official()

    pids = {invoke(name, {"do": "context"}).json["pid"] for _ in range(5)}

    equal(len(pids), 1)


@scenario
def events_come_back_as_they_are():
    name = official()
    every_letter = "".join(map(chr, [*range(0x300), 0x2028, 0xFFFD, 0x1F600, 0x10FFFF]))
    for event in ({}, [], 0, -1.5, "text", {"nested": [1, {"a": None}]}, every_letter, "x" * 5_000_000):
        answer = invoke(name, event)
        equal(answer.error, None)
        assert answer.json == event, (answer.bytes[:200], str(event)[:200])


@scenario
def the_context_is_complete():
    name = official(MemorySize=256)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    who = base64.b64encode(json.dumps({"custom": {"who": "me"}}).encode()).decode()

    answer = invoke(f"{name}:live", {"do": "context"}, ClientContext=who)

    found = answer.json
    del found["pid"]
    assert 15_000 < found.pop("remaining_ms") <= 20_000, answer.bytes
    matches(r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};", found.pop("trace"))
    matches(r"^\d{4}/\d\d/\d\d/\[1\][0-9a-f]{32}$", found.pop("log_stream"))
    expected = {
        "request_id": answer.request_id,
        "arn": arn(name) + ":live",
        "client": {"who": "me"},
        "name": name,
        "version": "1",
        "memory": 256,
        "log_group": f"/aws/lambda/{name}",
    }
    equal(found, expected)


@scenario
def an_error_of_the_handler_is_told_and_the_environment_lives():
    name = official()
    before = invoke(name, {"do": "context"}).json["pid"]

    answer = invoke(name, {"do": "fail"})

    equal((answer.status, answer.error), (200, "Unhandled"))
    equal(answer.json["errorMessage"], "no luck")
    assert answer.json["errorType"], answer.bytes
    equal(invoke(name, {"do": "context"}).json["pid"], before)


@scenario
def the_deadline_cuts_a_handler_off():
    name = official(Timeout=2)
    before = invoke(name, {"do": "context"}).json["remaining_ms"]
    assert 0 < before <= 2000, before

    answer = invoke(name, {"do": "sleep"})

    equal((answer.status, answer.error), (200, "Unhandled"))
    equal(answer.json["errorType"], "Sandbox.Timedout")
    matches(r"Task timed out after 2\.00 seconds$", answer.json["errorMessage"])
    equal(invoke(name, {"n": 1}).json, {"n": 1})


@scenario
def a_handler_that_cannot_be_found_is_told():
    answer = invoke(official("missing.handler"), {})

    equal(answer.error, "Unhandled")
    matches("missing", answer.json["errorMessage"])


@scenario
def a_panic_is_told():
    name = official()

    answer = invoke(name, {"do": "panic"})

    equal(answer.error, "Unhandled")
    matches("lost my head", answer.json["errorMessage"])
    equal(invoke(name, 1).json, 1)


def streamed(name, event):
    """Invokes with a streamed answer; returns the prelude, the body and what completed it."""
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    equal(headers["x-amzn-remapped-content-type"], "application/vnd.awslambda.http-integration-response")
    events = list(answer["EventStream"])
    content = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    prelude, body = content.split(b"\0" * 8, 1)
    return json.loads(prelude), body, events[-1]["InvokeComplete"]


@scenario
def a_stream_reaches_a_client_of_the_api():
    name = official("app.stream")

    for chunks in (1, 2000):
        prelude, body, complete = streamed(name, {"chunks": chunks})
        equal(prelude["statusCode"], 201)
        assert body == EVERY_BYTE * chunks, (chunks, len(body))
        assert "ErrorCode" not in complete, complete


@scenario
def a_stream_that_breaks_says_so_at_its_end():
    name = official("app.stream")

    _, body, complete = streamed(name, {"chunks": 4, "do": "fail"})

    assert body.startswith(EVERY_BYTE * 4), len(body)
    assert complete["ErrorCode"], complete
    equal(streamed(name, {"chunks": 1})[1], EVERY_BYTE)


@scenario
def a_stream_reaches_a_visitor_of_its_url():
    name = official("app.stream")
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    for action, more in (("InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("InvokeFunction", {})):
        if action == "InvokeFunction":
            more = {"InvokedViaFunctionUrl": True}
        client.add_permission(
            FunctionName=name, StatementId=action, Action=f"lambda:{action}", Principal="*", **more
        )
    # Names below .localhost are not resolved everywhere; the daemon goes by the name that was asked for.
    host, endpoint = urlsplit(url["FunctionUrl"]).netloc, urlsplit(os.environ["AWS_ENDPOINT_URL"])
    visitor = http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=60)

    visitor.request("GET", "/", headers={"Host": host})
    answer = visitor.getresponse()

    body = answer.read()
    equal((answer.status, answer.getheader("content-type")), (201, "application/octet-stream"))
    equal(answer.getheader("set-cookie"), "flavor=plain")
    equal(body, EVERY_BYTE * 3)


main()
