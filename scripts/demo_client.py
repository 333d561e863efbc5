"""Invokes the deployed examples with boto3 and prints a line per call. AWS_* variables say where and as whom."""

import base64
import json
import re
import time
from pathlib import Path

import boto3
from botocore.config import Config

EXAMPLES = Path(__file__).parent.parent / "examples"
CALLS = 4
RESULT_WIDTH = 58
ROW = "{:<10} {:<{width}} {:<5} {:>9} {:>10} {:>9}"


def main():
    client = boto3.client("lambda", config=Config(retries={"max_attempts": 0}))
    print(ROW.format("FUNCTION", "RESULT", "START", "BILLED", "MAX MEMORY", "WALL", width=RESULT_WIDTH))
    for function in ("csv-stats", "html-page", "checksum"):
        events = sorted((EXAMPLES / function / "events").glob("*.json"))
        for number in range(CALLS):
            invoke(client, function, events[number % len(events)])


def invoke(client, function, event):
    start = time.perf_counter()
    answer = client.invoke(FunctionName=function, Payload=event.read_bytes(), LogType="Tail")
    payload = answer["Payload"].read()
    wall_ms = (time.perf_counter() - start) * 1000
    report = report_of(base64.b64decode(answer["LogResult"]).decode())
    print(
        ROW.format(
            function,
            summary(payload),
            "cold" if "Init Duration" in report else "warm",
            report.get("Billed Duration", "?"),
            report.get("Max Memory Used", "?"),
            f"{wall_ms:.1f} ms",
            width=RESULT_WIDTH,
        )
    )
    if "FunctionError" in answer:
        raise SystemExit(f"{function} failed: {payload.decode()}")


def report_of(tail):
    """Reads the tab-separated fields of the REPORT line."""
    line = [line for line in tail.splitlines() if line.startswith("REPORT ")][-1]
    return dict(re.findall(r"([A-Z][A-Za-z ]+): ([\d.]+ (?:ms|MB))", line))


def summary(payload):
    text = json.dumps(json.loads(payload))
    return text if len(text) <= RESULT_WIDTH else text[: RESULT_WIDTH - 3] + "..."


main()
