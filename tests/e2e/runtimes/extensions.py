"""What must hold for extensions that others built, unmodified.

FIRELIGHT_EXTENSIONS in the environment is a directory with what is to be in the layer.
"""

import http.client
import json
import os
from importlib.metadata import distribution
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

# An ordinary application of an ordinary framework, as its users write it.
FLASK_APPLICATION = """
import os
from flask import Flask, Response, jsonify, redirect, request, stream_with_context

app = Flask(__name__)

@app.get("/")
def index():
    return "<h1>hello</h1>"

@app.post("/items/<int:number>")
def item(number):
    return jsonify(number=number, given=request.get_json(), page=request.args.getlist("page")), 201

@app.get("/old")
def old():
    return redirect("/")

@app.get("/bytes")
def octets():
    return Response(bytes(range(256)), mimetype="application/octet-stream")

@app.get("/parts")
def parts():
    return Response(stream_with_context(f"part {n}\\n" for n in range(3)), mimetype="text/plain")

@app.get("/broken")
def broken():
    return 1 / 0

app.run(host="127.0.0.1", port=int(os.environ["PORT"]), threaded=True)
"""
FLASK = ["flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker"]


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


def web_function(files):
    """Deploys a web server behind the adapter, and returns a way to visit it."""
    code = package({"run.sh": "#!/bin/sh\nexec python3 server.py\n", **files}, {"run.sh": 0o755})
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

    def visit(method, path, body=None, **headers):
        visitor.request(method, path, body, {"Host": host, **headers})
        answer = visitor.getresponse()
        return answer.status, answer.headers, answer.read()

    return visit


def site_packages(names):
    """The files of installed packages with their metadata, as a deployment package holds them."""
    files = {}
    for name in names:
        for path in distribution(name).files:
            # Scripts lie elsewhere, and compiled files belong to another interpreter.
            if ".." not in path.parts and "__pycache__" not in path.parts:
                files[str(path)] = path.locate().read_bytes()
    return files


@scenario
def a_web_server_behind_the_adapter_answers_visitors():
    visit = web_function({"server.py": WEB_SERVER})

    status, headers, body = visit("GET", "/a/path?q=1", **{"X-Who": "me"})
    equal((status, body), (200, b"you asked for /a/path?q=1 as me"))
    equal((headers["content-type"], headers["set-cookie"]), ("text/plain", "a=b"))

    status, _, body = visit("POST", "/", "redro", **{"Content-Type": "text/plain"})
    equal((status, body), (418, b"order"))


@scenario
def a_flask_application_behind_the_adapter_answers_visitors():
    visit = web_function({"server.py": FLASK_APPLICATION, **site_packages(FLASK)})

    status, headers, body = visit("GET", "/")
    equal((status, headers["content-type"], body), (200, "text/html; charset=utf-8", b"<h1>hello</h1>"))
    status, _, body = visit("POST", "/items/7?page=1&page=2", json.dumps({"a": "ü"}), **{"Content-Type": "application/json"})
    equal((status, json.loads(body)), (201, {"number": 7, "given": {"a": "ü"}, "page": ["1", "2"]}))
    status, headers, _ = visit("GET", "/old")
    equal((status, headers["location"]), (302, "/"))
    equal(visit("GET", "/bytes")[2], bytes(range(256)))
    equal(visit("GET", "/parts")[2], b"part 0\npart 1\npart 2\n")
    equal(visit("GET", "/broken")[0], 500)
    equal(visit("GET", "/nowhere")[0], 404)
    equal(visit("DELETE", "/")[0], 405)


main()
