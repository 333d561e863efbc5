"""What must hold for extensions that others built, unmodified.

FIRELIGHT_EXTENSIONS in the environment is a directory with what is to be in the layer.
"""

import http.client
import os
from pathlib import Path
from urllib.parse import urlsplit

from support import *

LAYER = os.environ.get("FIRELIGHT_EXTENSIONS")

HANDLER = """
import json, os, time

def handler(event, context):
    print("hello from the function")
    deadline = time.time() + 10
    while time.time() < deadline:
        seen = json.load(open("/tmp/telemetry.json")) if os.path.exists("/tmp/telemetry.json") else []
        if set(event["wanted"]) <= {record["type"] for record in seen}:
            return seen
        time.sleep(0.01)
    return seen
"""

# An ordinary web server, which knows nothing of Lambda.
WEB_SERVER = """
import http.server, os

class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(200, f"you asked for {self.path} as {self.headers['x-who']}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(418, body.decode()[::-1])
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("content-type", "text/plain")
        self.send_header("set-cookie", "a=b")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages).serve_forever()
"""


def layer():
    files, modes = {}, {}
    for path in (path for path in Path(LAYER).rglob("*") if path.is_file()):
        name = str(path.relative_to(LAYER))
        files[name], modes[name] = path.read_bytes(), 0o755
    answer = client.publish_layer_version(LayerName=unique("layer"), Content={"ZipFile": package(files, modes)})
    return answer["LayerVersionArn"]


@scenario
def an_extension_on_the_official_client_gets_telemetry():
    name = create(HANDLER, Layers=[layer()], Timeout=20)
    first = invoke(name, {"wanted": ["platform.start", "function"]})

    seen = invoke(name, {"wanted": ["platform.report", "platform.runtimeDone"]}).json

    kinds = [record["type"] for record in seen]
    for kind in ["platform.initStart", "platform.initRuntimeDone", "platform.start", "platform.runtimeDone"]:
        assert kind in kinds, kinds
    [report, *_] = [record["record"] for record in seen if record["type"] == "platform.report"]
    equal(report["requestId"], first.request_id)
    [line, *_] = [record["record"] for record in seen if record["type"] == "function"]
    equal(line, "hello from the function")


@scenario
def a_web_server_behind_the_adapter_answers_visitors():
    code = package({"run.sh": "#!/bin/sh\nexec python3 server.py\n", "server.py": WEB_SERVER}, {"run.sh": 0o755})
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap", "PORT": "8000"}
    name = create(code, handler="run.sh", Layers=[layer()], Environment={"Variables": variables}, Timeout=20)
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    for action, more in (
        ("InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
        ("InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        client.add_permission(FunctionName=name, StatementId=action, Action=f"lambda:{action}", Principal="*", **more)
    # Names below .localhost are not resolved everywhere; the daemon goes by the name that was asked for.
    host, endpoint = urlsplit(url["FunctionUrl"]).netloc, urlsplit(os.environ["AWS_ENDPOINT_URL"])
    visitor = http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=60)

    visitor.request("GET", "/a/path?q=1", headers={"Host": host, "X-Who": "me"})
    answer = visitor.getresponse()
    equal((answer.status, answer.read()), (200, b"you asked for /a/path?q=1 as me"))
    equal((answer.getheader("content-type"), answer.getheader("set-cookie")), ("text/plain", "a=b"))

    visitor.request("POST", "/", "redro", headers={"Host": host, "Content-Type": "text/plain"})
    answer = visitor.getresponse()
    equal((answer.status, answer.read()), (418, b"order"))


main()
