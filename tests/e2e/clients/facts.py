"""Every refusal that is known of AWS, row by row (tests/facts), as boto3 sees it: code, status and message.

boto3 checks the shape of what it reads, and finds the code in the header and the text under either of its keys.
"""

import copy
import pathlib
import tomllib

import botocore

from support import *

FACTS = pathlib.Path(__file__).resolve().parents[2] / "facts"
BLOBS = ("ZipFile",)


def read(name):
    return tomllib.loads((FACTS / f"{name}.toml").read_text())


EXCEPTIONS = read("exceptions")


class Table:
    def __init__(self, name):
        self.table = read(name)
        kinds = {
            "fn": "function", "layer": "layer", "mapping": "event-source-mapping", "csc": "code-signing-config"
        }
        self.words = {word: f"arn:aws:lambda:{REGION}:{ACCOUNT}:{kind}" for word, kind in kinds.items()}
        self.words["runtime"] = python_runtime()
        self.blobs = {"<zip>": package({"index.py": "def handler(e, c): ..."}), "<text>": b"not a zip"}

    def fill(self, value):
        if isinstance(value, dict):
            return {name: self.fill(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        if value in self.blobs:
            return self.blobs[value]
        for word, text in self.words.items():
            value = value.replace(f"<{word}>", text)
        return re.sub(r"<x:(\d+)>", lambda found: "x" * int(found[1]), value)

    def calls(self, row):
        """Yields each call of a row with its members."""
        calls = row.get("calls") or [row["call"]]
        members = copy.deepcopy(row.get("with", self.table.get("base", {}).get(calls[0], {})))
        for left_out in row.get("without", ()):
            members.pop(left_out, None)
        members.update(row.get("change", {}))
        for call in calls:
            yield getattr(client, botocore.xform_name(call)), self.fill(members)

    def given(self):
        code = self.blobs["<zip>"]
        for name in self.table["functions"]:
            client.create_function(**{**arguments(code, handler="index.handler"), "FunctionName": name})
            wait("function_active_v2", name)
        for step in self.table.get("given", ()):
            for call, members in self.calls(step):
                answer = call(**members)
                self.words.update({word: answer[member] for word, member in step.get("keep", {}).items()})
            for name in self.table["functions"]:
                wait("function_updated_v2", name)


def hold(name):
    """Runs all rows and shows all that differ, not only the first."""
    table = Table(name)
    table.given()
    differing = []
    for row in table.table["row"]:
        status, text = EXCEPTIONS[row["error"]]["status"], table.fill(row["text"])
        for call, members in table.calls(row):
            try:
                refused(call, row["error"], text, status, **members)
            except Exception as difference:
                differing.append(f"{call.__name__} {members}: {difference!r}")
    assert not differing, "\n".join(differing)


@scenario
def functions():
    hold("functions")


@scenario
def constraints():
    hold("constraints")


@scenario
def layers():
    hold("layers")


@scenario
def aliases():
    hold("aliases")


@scenario
def attachments():
    hold("attachments")


@scenario
def mappings():
    hold("mappings")


main()
