"""The log of a function, through CloudWatch Logs calls."""

import functools
import re
import time

from support import *

PRINTS = "def handler(e, c):\n    print(e['text'])\n    return c.log_stream_name\n"


@scenario
def groups_and_streams_are_named_as_in_lambda():
    name = create(PRINTS)
    group = f"/aws/lambda/{name}"

    stream = invoke(name, {"text": "hello"}).json

    until(lambda: any("REPORT" in message for message in messages(group)), "the report")
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    equal([one["logGroupName"] for one in found], [group])
    assert found[0]["arn"].startswith(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"), found
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    equal([one["logStreamName"] for one in streams], [stream])


@scenario
def every_line_of_an_invocation_is_an_event():
    name = create(PRINTS)
    group = f"/aws/lambda/{name}"

    stream = invoke(name, {"text": "one\ntwo"}).json

    until(lambda: any("REPORT" in message for message in messages(group)), "the report")
    events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    kinds = [event["message"].split()[0] for event in events]
    equal(kinds, ["INIT_START", "START", "one", "two", "END", "REPORT"])
    times = [event["timestamp"] for event in events]
    equal(times, sorted(times))
    assert abs(times[0] / 1000 - time.time()) < 60


@scenario
def what_goes_to_output_and_to_error_keeps_its_order():
    lines = [f"{n} {'error' if n % 2 else 'output'}" for n in range(20)]
    write = "        os.write(2 if 'error' in line else 1, (line + '\\n').encode())\n"
    name = create(f"import os\ndef handler(e, c):\n    for line in e:\n{write}")
    group = f"/aws/lambda/{name}"

    invoke(name, lines)

    until(lambda: any("REPORT" in message for message in messages(group)), "the report")
    equal([message.strip() for message in messages(group)][2:-2], lines)


@scenario
def filter_patterns_choose():
    name = create(PRINTS)
    group = f"/aws/lambda/{name}"
    for text in ("alpha beta", "alpha gamma", '{"level":"WARN","n":3}'):
        invoke(name, {"text": text})
    until(lambda: len([m for m in messages(group) if "REPORT" in m]) == 3, "three reports")

    def matching(pattern):
        return [message.strip() for message in messages(group, filterPattern=pattern)]

    equal(matching("alpha"), ["alpha beta", "alpha gamma"])
    equal(matching("alpha beta"), ["alpha beta"])
    equal(matching("alpha -beta"), ["alpha gamma"])
    equal(matching("?beta ?gamma"), ["alpha beta", "alpha gamma"])
    equal(matching('"alpha gamma"'), ["alpha gamma"])
    equal(matching('{ $.level = "WARN" && $.n > 2 }'), ['{"level":"WARN","n":3}'])
    equal(matching("nothing-like-it"), [])


@scenario
def groups_are_made_retained_and_deleted():
    group = f"/mine/{unique()}"

    logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)

    exists = "The specified log group already exists"
    refused(logs.create_log_group, "ResourceAlreadyExistsException", exists, 400, logGroupName=group)
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    equal([one["retentionInDays"] for one in found], [7])
    logs.delete_log_group(logGroupName=group)
    missing = "The specified log group does not exist."
    refused(logs.delete_log_group, "ResourceNotFoundException", missing, 400, logGroupName=group)
    refused(logs.describe_log_streams, "ResourceNotFoundException", missing, 400, logGroupName=group)


@scenario
def json_logs_are_objects_and_levels_filter():
    source = (
        "import logging\n"
        "def handler(e, c):\n"
        "    log = logging.getLogger()\n"
        "    log.info('small')\n"
        "    log.error('large')\n"
    )
    name = create(source, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO"})

    log = invoke(name, {}).log

    lines = [json.loads(line) for line in log.splitlines()]
    types = [line["type"] for line in lines if "type" in line]
    assert "platform.start" in types and "platform.report" in types, types
    said = [line for line in lines if "level" in line]
    equal([(line["level"], line["message"]) for line in said], [("ERROR", "large")])
    assert {"timestamp", "requestId", "logger"} <= said[0].keys(), said


@scenario
def a_function_may_log_to_another_group():
    group = f"/mine/{unique()}"
    name = create(PRINTS, LoggingConfig={"LogGroup": group})

    invoke(name, {"text": "elsewhere"})

    until(lambda: any("elsewhere" in message for message in messages(group)), "the line in the other group")


TELLS = """import base64, gzip, json
def handler(event, context):
    told = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    print(told["messageType"], told["logGroup"], [one["message"].strip() for one in told["logEvents"]])
"""


@scenario
def a_function_is_told_of_the_lines_of_another_one():
    source, told = create(PRINTS), create(TELLS)
    group = f"/aws/lambda/{source}"
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{told}"
    logs.create_log_group(logGroupName=group)
    subscribe = functools.partial(
        logs.put_subscription_filter, logGroupName=group, filterName="errors", filterPattern="ERROR", destinationArn=arn
    )
    not_let_in = re.compile("Make sure you have given CloudWatch Logs permission to execute your function")
    refused(subscribe, "InvalidParameterException", not_let_in, 400)

    source_arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    client.add_permission(
        FunctionName=told, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com", SourceArn=source_arn
    )
    subscribe()
    for text in ("fine", "ERROR one", "ERROR two"):
        invoke(source, {"text": text})

    def heard():
        said = "".join(messages(f"/aws/lambda/{told}"))
        return "CONTROL_MESSAGE" in said and "ERROR one" in said and "ERROR two" in said

    until(heard, "both lines and the test")
    said = "".join(messages(f"/aws/lambda/{told}"))
    assert f"DATA_MESSAGE {group}" in said and "fine" not in said, said
    equal((said.count("ERROR one"), said.count("ERROR two")), (1, 1))
    found = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    equal([(one["filterName"], one["destinationArn"]) for one in found], [("errors", arn)])
    logs.delete_subscription_filter(logGroupName=group, filterName="errors")
    equal(logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"], [])


main()
