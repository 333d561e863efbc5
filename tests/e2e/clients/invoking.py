"""What an invoke gives to the function and to the caller."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from support import *

ECHO = "def handler(event, context):\n    return event\n"


@scenario
def results_come_back_as_they_are():
    name = create(ECHO)
    for event in ({}, [], None, 0, "text", {"nested": [1, {"a": None}]}, "ünï\u2603cödé"):
        answer = invoke(name, json.dumps(event).encode())
        equal((answer.status, answer.error, answer.version), (200, None, "$LATEST"))
        equal(answer.json, event)
    equal(invoke(name).json, {})


@scenario
def a_handler_that_returns_nothing_gives_null():
    equal(invoke(create("def handler(e, c): ..."), {}).bytes, b"null")


@scenario
def the_context_tells_about_the_invocation():
    name = create(
        "def handler(e, c):\n"
        "    return {'name': c.function_name, 'version': c.function_version, 'arn': c.invoked_function_arn,\n"
        "            'memory': c.memory_limit_in_mb, 'id': c.aws_request_id, 'group': c.log_group_name,\n"
        "            'stream': c.log_stream_name, 'left': c.get_remaining_time_in_millis()}\n",
        Timeout=10,
    )

    answer = invoke(name, {})

    found = answer.json
    assert 8000 < found.pop("left") <= 10000
    matches(r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$", found.pop("stream"))
    equal(
        found,
        {
            "name": name,
            "version": "$LATEST",
            "arn": arn(name),
            "memory": "128",
            "id": answer.raw["ResponseMetadata"]["RequestId"],
            "group": f"/aws/lambda/{name}",
        },
    )


@scenario
def the_first_invoke_is_cold_and_the_next_is_warm():
    name = create("import time\ntime.sleep(0.2)\nN = [0]\ndef handler(e, c):\n    N[0] += 1\n    return N[0]\n")

    cold, warm = invoke(name, {}), invoke(name, {})

    equal((cold.json, warm.json), (1, 2))
    init = float(cold.report["Init Duration"].split()[0])
    assert init >= 200, init
    assert "Init Duration" not in warm.report, warm.report
    # Init is billed: the first billed duration holds it.
    assert int(cold.report["Billed Duration"].split()[0]) >= init


@scenario
def the_log_tail_has_the_lines_of_lambda():
    name = create("import sys\ndef handler(e, c):\n    print('to stdout')\n    print('to stderr', file=sys.stderr)\n")
    invoke(name, {})

    log = invoke(name, {}).log

    identifier = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    matches(
        rf"^START RequestId: ({identifier}) Version: \$LATEST\n"
        r"to std(out|err)\nto std(err|out)\n"
        r"END RequestId: \1\n"
        r"REPORT RequestId: \1\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t\n$",
        log,
    )


@scenario
def python_logging_has_its_form():
    name = create("import logging\ndef handler(e, c):\n    logging.getLogger().warning('careful')\n")

    matches(r"\n\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tcareful\n", invoke(name, {}).log)


@scenario
def the_log_tail_is_the_last_four_kilobytes():
    name = create("def handler(e, c):\n    for i in range(1000):\n        print(f'line {i}')\n")

    log = invoke(name, {}).log

    assert len(log.encode()) <= 4096
    matches(r"line 999\nEND RequestId", log)


@scenario
def no_tail_without_asking_for_it():
    answer = invoke(create(ECHO), {}, LogType="None")

    assert "LogResult" not in answer.raw


@scenario
def a_dry_run_runs_nothing():
    name = create("raise Exception\n")

    answer = client.invoke(FunctionName=name, InvocationType="DryRun")

    equal((answer["StatusCode"], answer["Payload"].read()), (204, b""))


@scenario
def variables_are_those_of_lambda():
    name = create(
        "import os\ndef handler(e, c):\n    return dict(os.environ)\n",
        Environment={"Variables": {"MINE": "yes"}},
        MemorySize=256,
    )

    found = invoke(name, {}).json

    expected = {
        "MINE": "yes",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{python_runtime()}",
        "_HANDLER": "app.handler",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    }
    equal({key: found.get(key) for key in expected}, expected)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
                "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID"):
        assert found.get(key), f"{key} is not set"
    host_only = {"HOME", "USER", "TMPDIR", "LOGNAME", "SHELL"} & found.keys()
    assert not host_only, host_only


@scenario
def only_tmp_can_be_written():
    name = create(
        "import os\n"
        "def handler(e, c):\n"
        "    refused = []\n"
        "    for directory in ('/var/task', '/opt', '/var/runtime', '/', '/etc', '/usr', '/dev/shm'):\n"
        "        try:\n"
        "            open(directory + '/x', 'w')\n"
        "        except OSError:\n"
        "            refused.append(directory)\n"
        "    open('/tmp/x', 'w').write('x')\n"
        "    return [os.getuid() != 0, os.getcwd(), refused]\n"
    )

    not_root, directory, refused_ones = invoke(name, {}).json

    equal((not_root, directory), (True, "/var/task"))
    for expected in ("/var/task", "/opt", "/var/runtime", "/", "/etc", "/usr"):
        assert expected in refused_ones, refused_ones


@scenario
def the_trace_header_reaches_the_function():
    name = create("import os\ndef handler(e, c):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def add(request, **_):
        request.headers["X-Amzn-Trace-Id"] = header

    tracing = service("lambda")
    tracing.meta.events.register("before-sign.lambda.Invoke", add)
    found = json.loads(tracing.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())

    assert found.startswith("Root=1-5759e988-bd862e3fe1be46a994272793"), found


@scenario
def the_client_context_reaches_the_function():
    name = create("def handler(e, c):\n    return c.client_context.custom\n")
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()

    equal(invoke(name, {}, ClientContext=context).json, {"k": "v"})


@scenario
def parallel_invokes_run_in_environments_of_their_own():
    name = create("import time\ndef handler(e, c):\n    time.sleep(1)\n    return c.log_stream_name\n", Timeout=20)

    with ThreadPoolExecutor(6) as pool:
        streams = list(pool.map(lambda _: invoke(name, {}).json, range(6)))

    equal(len(set(streams)), 6)


@scenario
def an_update_during_an_invoke_never_reuses_the_old_code():
    source = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'old'\n"
    name = create(source, Timeout=20)
    equal(invoke(name, 0).json, "old")
    slow = []
    thread = threading.Thread(target=lambda: slow.append(invoke(name, 2)))
    thread.start()
    time.sleep(0.5)

    client.update_function_code(FunctionName=name, ZipFile=package({"app.py": source.replace("old", "new")}))
    wait("function_updated_v2", name)

    for _ in range(5):
        equal(invoke(name, 0).json, "new")
    thread.join()
    equal((slow[0].error, slow[0].json), (None, "old"))
    for _ in range(5):
        equal(invoke(name, 0).json, "new")


@scenario
def node_handlers_of_every_kind():
    sources = {
        "async": ("index.mjs", "export const handler = async (event) => event.n + 1"),
        "callback": ("index.js", "exports.handler = (event, context, callback) => callback(null, event.n + 1)"),
        "commonjs": ("index.js", "exports.handler = async (event) => event.n + 1"),
        "module": ("index.cjs", "module.exports = { handler: async (event) => event.n + 1 }"),
        "await": ("index.mjs", "const one = await Promise.resolve(1); export const handler = async (e) => e.n + one"),
        "promise": ("index.js", "exports.handler = (event) => Promise.resolve(event.n + 1)"),
    }
    for kind, (file, source) in sources.items():
        answer = invoke(create_node(source, file), {"n": 1})
        assert (answer.error, answer.json) == (None, 2), (kind, answer.bytes)


@scenario
def node_consoles_have_their_form():
    name = create_node("export const handler = async () => { console.log('seen'); console.error('bad') }")

    log = invoke(name, {}).log

    for level, text in (("INFO", "seen"), ("ERROR", "bad")):
        matches(rf"\n\d{{4}}-\d\d-\d\dT[\d:.]+Z\t[0-9a-f-]{{36}}\t{level}\t{text}\n", log)


@scenario
def the_official_python_client_runs_in_a_custom_runtime():
    import awslambdaric
    from pathlib import Path

    packages = Path(awslambdaric.__file__).parent.parent
    files = {"app.py": "import os\ndef handler(e, c):\n    return [e, c.function_name, '_HANDLER' in os.environ]\n"}
    for wanted in ("awslambdaric", "simplejson", "snapshot_restore_py"):
        for path in (packages / wanted).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[str(path.relative_to(packages))] = path.read_bytes()
    for path in packages.glob("runtime_client*.so"):
        files[path.name] = path.read_bytes()
    files["bootstrap"] = '#!/bin/sh\nexec /usr/bin/python3 -m awslambdaric "$_HANDLER"\n'
    name = create(package(files, {"bootstrap": 0o755}), runtime=CUSTOM, handler="app.handler", Timeout=20)

    for number in range(3):
        equal(invoke(name, {"n": number}).json, [{"n": number}, name, True])


@scenario
def a_custom_runtime_in_shell():
    bootstrap = (
        "#!/bin/sh\nset -eu\n"
        "exec /usr/bin/python3 - <<'EOF'\n"
        "import http.client, os\n"
        "api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
        "base = '/2018-06-01/runtime/invocation/'\n"
        "while True:\n"
        "    api.request('GET', base + 'next')\n"
        "    answer = api.getresponse(); event = answer.read()\n"
        "    assert answer.getheader('Lambda-Runtime-Deadline-Ms')\n"
        "    api.request('POST', base + answer.getheader('Lambda-Runtime-Aws-Request-Id') + '/response', event)\n"
        "    answer = api.getresponse()\n"
        "    assert answer.status == 202 and b'OK' in answer.read()\n"
        "EOF\n"
    )
    name = create(package({"bootstrap": bootstrap}, {"bootstrap": 0o755}), runtime=CUSTOM, handler="none")

    for number in range(3):
        equal(invoke(name, number).json, number)


main()
