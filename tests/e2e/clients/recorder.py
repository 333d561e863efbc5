"""Stands between a client and the daemon, and writes down what they say: `recorder.py ENDPOINT FILE RUNTIME`.

Prints its own endpoint, records until its standard input ends, then writes the file: one call a line, in the order
the answers were complete, without what belongs to this machine, this run or the client's keys. A read that tells
nothing new since the last write is left out, and so is a state that only passes.
"""

import base64
import http.client
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT_OF_REQUEST = ("content-md5", "content-type", "range", "x-amz-target")
LEFT_OF_REQUEST = ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256")
KEPT_OF_ANSWER = ("content-type", "etag", "location", "x-amz-version-id", "x-amz-function-error", "x-amz-executed-version")
PASSING = re.compile(r'"(Pending|InProgress|IN_PROGRESS|Creating|Updating|Enabling|Disabling|Deleting)"')
SECRET = re.compile(r"(<SecretAccessKey>)[^<]*(</SecretAccessKey>)")
READ = re.compile(r"(^|\.)(Get|List|Describe|Head)")


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        connection = http.client.HTTPConnection(self.server.target)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.server.note(self, body, answer, content)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else str(len(content))
        if length is not None and answer.status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = pass_on

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target, runtime):
        super().__init__(("127.0.0.1", 0), Recorder)
        self.target, self.runtime = target, runtime
        self.lock, self.calls, self.known = threading.Lock(), [], {}

    def note(self, request, body, answer, content):
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", ""))
        kept = {
            name: value
            for name, value in headers.items()
            if (name in KEPT_OF_REQUEST or name.startswith("x-amz-")) and name not in LEFT_OF_REQUEST
        }
        call = {
            "method": request.command,
            "path": self.told(request.path),
            "service": signed.group(1) if signed else None,
            "headers": kept,
            "body": self.text(body),
            "status": answer.status,
            "answer_headers": {
                name.lower(): self.told(value) for name, value in answer.getheaders() if name.lower() in KEPT_OF_ANSWER
            },
            "answer": self.text(content),
        }
        with self.lock:
            self.keep(call)

    def keep(self, call):
        action = call["headers"].get("x-amz-target", "").rpartition(".")[2]
        action = action or re.sub(r"^Action=(\w+).*", r"\1", call["body"], flags=re.S)
        if call["method"] in ("GET", "HEAD") or READ.match(action):
            question = json.dumps([call["method"], call["path"], call["body"]])
            answer = json.dumps([call["status"], re.sub(r"<RequestId>[^<]*", "", call["answer"])])
            if PASSING.search(call["answer"]) or self.known.get(question) == answer:
                return
            self.known[question] = answer
        elif call["method"] == "DELETE" and call["status"] == 404:
            # Two deletions at once: which of them finds nothing is by chance.
            return
        else:
            self.known.clear()
        self.calls.append(call)

    def told(self, text):
        own = "%s:%d" % self.server_address[:2]
        return text.replace(own, "{{host}}").replace(self.target, "{{host}}").replace(self.runtime, "{{runtime}}")

    def text(self, content):
        try:
            return self.told(SECRET.sub(r"\1scrubbed\2", content.decode()))
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(content).decode()


def main():
    endpoint, path, runtime = sys.argv[1:]
    server = Server(endpoint.removeprefix("http://"), runtime)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("http://%s:%d" % server.server_address[:2], flush=True)
    sys.stdin.read()
    with open(path, "w", encoding="utf-8") as file:
        for call in server.calls:
            file.write(json.dumps(call, separators=(",", ":")) + "\n")


main()
