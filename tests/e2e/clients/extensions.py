"""Extensions from layers: their life, and the telemetry that reaches them."""

from support import *

# Collects telemetry in /tmp, where the function sees it, and says on its end what it has seen.
AGENT = '''#!/usr/bin/env python3
import collections, http.server, json, os, socketserver, threading, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
CONFIG = json.load(open("/opt/agent.json"))
seen = []

def call(method, path, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()

def keep(records):
    seen.extend(records)
    with open("/tmp/telemetry.json.new", "w") as file:
        json.dump(seen, file)
    os.replace("/tmp/telemetry.json.new", "/tmp/telemetry.json")

class Http(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass

class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            keep([json.loads(line)])

headers, _ = call("POST", "/2020-01-01/extension/register", {"Lambda-Extension-Name": os.path.basename(__file__)},
    {"events": ["INVOKE", "SHUTDOWN"]})
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
if CONFIG["protocol"] == "HTTP":
    server = http.server.HTTPServer(("sandbox.localdomain", 8080), Http)
    destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}
else:
    server = socketserver.TCPServer(("sandbox.localdomain", 8080), Tcp)
    destination = {"protocol": "TCP", "port": 8080}
threading.Thread(target=server.serve_forever, daemon=True).start()
call("PUT", CONFIG["path"], {**me, "Content-Type": "application/json"}, {
    "schemaVersion": CONFIG["schema"], "types": ["platform", "function"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": CONFIG["timeout"]},
    "destination": destination})
while True:
    _, event = call("GET", "/2020-01-01/extension/event/next", me)
    event = json.loads(event)
    if event["eventType"] == "SHUTDOWN":
        counts = collections.Counter(record["type"] for record in seen)
        print("agent ends by", event["shutdownReason"], json.dumps(counts, sort_keys=True), flush=True)
        break
'''

HANDLER = """
import json, os, time

def handler(event, context):
    print("working on", event["n"])
    wanted = set(event.get("wanted", []))
    deadline = time.time() + 10
    while True:
        seen = json.load(open("/tmp/telemetry.json")) if os.path.exists("/tmp/telemetry.json") else []
        if wanted <= {record["type"] for record in seen} or time.time() > deadline:
            return seen
        time.sleep(0.01)
"""


def layer_of(files, modes):
    answer = client.publish_layer_version(LayerName=unique("layer"), Content={"ZipFile": package(files, modes)})
    return answer["LayerVersionArn"]


def with_agent(protocol="HTTP", path="/2022-07-01/telemetry", schema="2022-12-13", timeout=25, **more):
    config = {"protocol": protocol, "path": path, "schema": schema, "timeout": timeout}
    files = {"extensions/agent": AGENT, "agent.json": json.dumps(config)}
    layer = layer_of(files, {"extensions/agent": 0o755})
    return create(HANDLER, Layers=[layer], Timeout=20, **more)


def of_type(records, kind):
    return [record for record in records if record["type"] == kind]


@scenario
def telemetry_reaches_an_extension_over_http_while_the_function_runs():
    name = with_agent()

    first = invoke(name, {"n": 1, "wanted": ["platform.start", "function"]})

    [init] = of_type(first.json, "platform.initStart")
    equal(init["record"]["initializationType"], "on-demand")
    equal(init["record"]["functionName"], name)
    equal(of_type(first.json, "platform.initRuntimeDone")[0]["record"]["status"], "success")
    [start] = of_type(first.json, "platform.start")
    equal(start["record"], {"requestId": first.request_id, "version": "$LATEST"})
    [line] = of_type(first.json, "function")
    equal(line["record"], "working on 1")
    matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line["time"])
    subscribed = r"TELEMETRY\tName: agent\tState: Subscribed\tTypes: \[Platform, Function\]"
    until(lambda: re.search(subscribed, log_of(name)), subscribed)


@scenario
def the_end_of_an_invocation_is_told_during_the_next():
    name = with_agent()
    first = invoke(name, {"n": 1})

    second = invoke(name, {"n": 2, "wanted": ["platform.runtimeDone", "platform.report"]})

    done = of_type(second.json, "platform.runtimeDone")[0]["record"]
    equal((done["requestId"], done["status"]), (first.request_id, "success"))
    equal(done["metrics"]["producedBytes"], len(first.bytes))
    equal([span["name"] for span in done["spans"]], ["responseLatency", "responseDuration", "runtimeOverhead"])
    assert sum(span["durationMs"] for span in done["spans"]) <= done["metrics"]["durationMs"] + 0.05, done
    report = of_type(second.json, "platform.report")[0]["record"]
    equal(f"{report['metrics']['billedDurationMs']} ms", first.report["Billed Duration"])
    assert report["metrics"]["initDurationMs"] > 0
    overhead = report["spans"][0]
    equal((overhead["name"], len(report["spans"])), ("extensionOverhead", 1))
    assert overhead["durationMs"] <= report["metrics"]["durationMs"], report


# Works on after each invocation, as one does that sends what it collected.
LINGERER = '''#!/usr/bin/env python3
import http.client, json, os, time

def call(method, path, headers, body=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.headers, answer.read()

headers, _ = call("POST", "/2020-01-01/extension/register", {"Lambda-Extension-Name": os.path.basename(__file__)},
    json.dumps({"events": ["INVOKE"]}))
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
while True:
    call("GET", "/2020-01-01/extension/event/next", me)
    time.sleep(1)
    print("sent", flush=True)
'''


@scenario
def an_extension_that_works_on_keeps_no_caller_waiting_and_its_time_is_reported():
    layer = layer_of({"extensions/lingerer": LINGERER}, {"extensions/lingerer": 0o755})
    name = create("import os\ndef handler(e, c):\n    return c.log_stream_name\n", Layers=[layer], Timeout=20)

    first, second = (json.load(client.invoke(FunctionName=name)["Payload"]) for _ in range(2))

    assert first != second, "the environment is busy until its extension is done"
    reports = until(lambda: [line for line in messages(f"/aws/lambda/{name}", logStreamNames=[first])
                             if line.startswith("REPORT")], "the report of the first")
    duration = float(re.search(r"Duration: ([0-9.]+) ms", reports[0])[1])
    assert duration >= 1000, reports
    lines = messages(f"/aws/lambda/{name}", logStreamNames=[first])
    assert lines.index("sent") < lines.index(reports[0]), lines


@scenario
def telemetry_reaches_an_extension_over_tcp():
    name = with_agent(protocol="TCP", schema="2025-01-29")

    seen = invoke(name, {"n": 1, "wanted": ["platform.start", "function"]}).json

    equal(of_type(seen, "function")[0]["record"], "working on 1")


@scenario
def the_older_logs_api_tells_the_end_of_an_invocation_by_itself():
    name = with_agent(path="/2020-08-15/logs", schema="2020-08-15")
    first = invoke(name, {"n": 1})

    seen = invoke(name, {"n": 2, "wanted": ["platform.end", "platform.report"]}).json

    equal(of_type(seen, "platform.end")[0]["record"], {"requestId": first.request_id})
    equal(of_type(seen, "platform.initStart"), [])
    [subscribed] = of_type(seen, "platform.logsSubscription")
    equal(subscribed["record"], {"name": "agent", "state": "Subscribed", "types": ["platform", "function"]})


@scenario
def what_waits_for_its_batch_is_delivered_before_the_shutdown():
    # A batch would fill for longer than the test takes.
    name = with_agent(timeout=30_000)
    invoke(name, {"n": 1})

    client.update_function_configuration(FunctionName=name, Description="retires the environment")

    end = r"agent ends by (\w+) (\{.*\})"
    ended = until(lambda: re.search(end, log_of(name)), end)
    equal(ended.group(1), "spindown")
    counts = json.loads(ended.group(2))
    for kind in ["platform.initStart", "platform.start", "function", "platform.runtimeDone", "platform.report"]:
        equal((kind, counts.get(kind)), (kind, 1))


def log_of(name):
    return "\n".join(messages(f"/aws/lambda/{name}"))


main()
