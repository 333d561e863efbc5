"""Makes recorded calls again and compares the answers: `replay.py FILE RUNTIME`, one call a line, see recorder.py.

What a service makes up, such as the id of a mapping, is another one this time: it is looked for in each answer, and
put in its place in all that follows. Everything else has to be the same.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
KEYS = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
# Made up by the service, or of the moment; whatever else differs is a difference.
MADE_UP = {
    "AccessKeyId", "CodeSigningConfigArn", "CodeSigningConfigId", "ETag", "FunctionUrl", "GroupId", "LastEvaluatedTime",
    "Location", "NextVersionIdMarker", "PolicyId", "RequestId", "HostId", "RevisionId", "RoleId", "SecretAccessKey",
    "UserId", "UUID", "VersionId", "EventSourceMappingArn", "x-amz-version-id", "location",
}
OF_THE_MOMENT = {
    "CreateDate", "CreatedDate", "CreationDate", "CreationTime", "LastModified", "LastModifiedDate", "LastUsedDate",
    "LastModifiedTime", "lastUpdatedTime", "UpdateDate", "creationTime", "Date", "RoleLastUsed", "storedBytes",
}
# A state that is on its way there.
LONGEST_WAIT_S = 20


class Replay:
    def __init__(self, runtime):
        host = ENDPOINT.removeprefix("http://")
        self.now = {"{{host}}": host, "{{runtime}}": runtime}

    def put(self, text):
        for old in sorted(self.now, key=len, reverse=True):
            text = text.replace(old, self.now[old])
        return text

    def bytes(self, text):
        if text.startswith("base64:"):
            return base64.b64decode(text.removeprefix("base64:"))
        return self.put(text).encode()

    def send(self, call):
        url = ENDPOINT + self.put(call["path"])
        headers = {name: self.put(value) for name, value in call["headers"].items()}
        request = AWSRequest(call["method"], url, headers, self.bytes(call["body"]))
        if call["service"]:
            signer = S3SigV4Auth if call["service"] == "s3" else SigV4Auth
            signer(KEYS, call["service"], "us-east-1").add_auth(request)
        sent = urllib.request.Request(url, request.body or None, dict(request.headers.items()), method=call["method"])
        try:
            answer = urllib.request.urlopen(sent, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        names = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, names, answer.read()

    def make(self, call):
        status, headers, content = self.send(call)
        found = {}
        differences = [] if status == call["status"] else [f"status {call['status']} is now {status}: {content[:400]}"]
        if not differences:
            self.compare_headers(call, headers, found, differences)
            self.compare_bodies(call["answer"], content, found, differences)
        if not differences:
            self.now.update(found)
        return differences

    def compare_headers(self, call, headers, found, differences):
        for name, value in call["answer_headers"].items():
            if name != "etag":
                self.compare(name, value, headers.get(name), found, differences)

    def compare_bodies(self, old, new, found, differences):
        if old.startswith("base64:"):
            if self.bytes(old) != new:
                differences.append("another body")
            return
        new = new.decode()
        try:
            if old.startswith("<"):
                old, new = plain(ElementTree.fromstring(old)), plain(ElementTree.fromstring(new))
            elif old.startswith(("{", "[")):
                old, new = json.loads(old), json.loads(new)
        except ValueError:
            pass
        self.compare("body", old, new, found, differences)

    def compare(self, name, old, new, found, differences):
        if name in OF_THE_MOMENT and type(old) is type(new):
            return
        if isinstance(old, dict) and isinstance(new, dict):
            if old.keys() != new.keys():
                differences.append(f"{name} had {sorted(old)} and has {sorted(new)}")
            for key in old.keys() & new.keys():
                self.compare(key, old[key], new[key], found, differences)
        elif isinstance(old, list) and isinstance(new, list):
            if len(old) != len(new):
                differences.append(f"{name} had {len(old)} entries and has {len(new)}")
            for one, other in zip(old, new):
                self.compare(name, one, other, found, differences)
        elif isinstance(old, str) and isinstance(new, str):
            if self.put(old) == new:
                return
            if name not in MADE_UP:
                differences.append(f"{name} was {old!r} and is {new!r}")
            elif len(old) >= 8:
                found[old] = new
        elif old != new:
            differences.append(f"{name} was {old!r} and is {new!r}")


def plain(element):
    name = element.tag.rpartition("}")[2]
    if len(element):
        return {name: [plain(child) for child in element]}
    return {name: element.text or ""}


def is_read(call):
    action = call["headers"].get("x-amz-target", "").rpartition(".")[2]
    return call["method"] == "GET" or action.startswith(("Get", "List", "Describe"))


def main():
    path, runtime = sys.argv[1:]
    replay = Replay(runtime)
    calls = [json.loads(line) for line in open(path, encoding="utf-8")]
    for number, call in enumerate(calls, 1):
        deadline = time.monotonic() + LONGEST_WAIT_S
        while differences := replay.make(call):
            # Only what reads can be asked again until a state has settled.
            if not is_read(call) or time.monotonic() > deadline:
                shown = "\n  ".join(differences)
                sys.exit(f"call {number}, {call['method']} {call['path']} {call['body'][:200]}:\n  {shown}")
            time.sleep(0.1)
    print(f"{len(calls)} calls")


main()
