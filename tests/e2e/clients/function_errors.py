"""What a caller sees when the function fails: payload, header, and log lines."""

import platform
import struct

from support import *


def failed(name, event=None, **more):
    answer = invoke(name, {} if event is None else event, **more)
    equal((answer.status, answer.error), (200, "Unhandled"))
    return answer


def error_is(answer, error_type, message):
    equal((answer.json["errorType"], answer.json["errorMessage"]), (error_type, message))


@scenario
def a_python_exception():
    name = create("def handler(e, c):\n    raise ValueError('no such ' + e['thing'])\n")

    answer = failed(name, {"thing": "luck"})

    error_is(answer, "ValueError", "no such luck")
    equal(answer.json["requestId"], answer.request_id)
    matches(r'^  File "/var/task/app\.py", line 2, in handler\n', answer.json["stackTrace"][-1])
    matches(r"\[ERROR\] ValueError: no such luck", answer.log)
    matches(r"Traceback \(most recent call last\):", answer.log)


@scenario
def a_python_exception_leaves_the_environment_alive():
    name = create("N = [0]\ndef handler(e, c):\n    N[0] += 1\n    if e:\n        raise Exception\n    return N[0]\n")

    failed(name, {"fail": True})

    equal(invoke(name, {}).json, 2)


@scenario
def a_node_exception():
    name = create_node("export const handler = async () => { throw new TypeError('no luck') }")

    answer = failed(name)

    error_is(answer, "TypeError", "no luck")
    equal(answer.json["trace"][0], "TypeError: no luck")
    matches(r"\tERROR\tInvoke Error \t?", answer.log)


@scenario
def a_missing_module():
    name = create({"other.py": ""}, handler="app.handler")

    answer = failed(name)

    error_is(answer, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'app'")


@scenario
def a_missing_import():
    name = create("import not_there\ndef handler(e, c): ...\n")

    error_is(
        failed(name),
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'not_there'",
    )


@scenario
def a_missing_handler():
    name = create("def other(e, c): ...\n")

    error_is(failed(name), "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'")


@scenario
def a_malformed_handler():
    name = create("def handler(e, c): ...\n", handler="handler")

    equal(failed(name).json["errorType"], "Runtime.MalformedHandlerName")


@scenario
def a_syntax_error():
    name = create("def handler(e, c)\n")

    answer = failed(name)

    equal(answer.json["errorType"], "Runtime.UserCodeSyntaxError")
    matches(r"^Syntax error in module 'app': ", answer.json["errorMessage"])


@scenario
def an_exception_while_importing():
    name = create("raise RuntimeError('not today')\n")

    answer = failed(name)

    error_is(answer, "RuntimeError", "not today")
    equal(answer.json["requestId"], "")


@scenario
def a_missing_node_module_and_handler():
    module = create({"other.mjs": ""}, handler="index.handler", runtime=node_runtime())
    handler = create_node("export const other = 1")

    equal(failed(module).json["errorType"], "Runtime.ImportModuleError")
    error_is(failed(handler), "Runtime.HandlerNotFound", "index.handler is undefined or not exported")


@scenario
def a_timeout():
    name = create("import time\ndef handler(e, c):\n    time.sleep(30)\n", Timeout=1)

    answer = failed(name)

    equal(
        answer.json,
        {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 1.00 seconds",
        },
    )
    matches(r"Task timed out after 1\.00 seconds", answer.log)
    matches(r"\tStatus: timeout", answer.log)
    duration = float(answer.report["Duration"].split()[0])
    assert 1000 <= duration < 1500, duration


@scenario
def after_a_timeout_the_environment_is_reset_and_tmp_is_kept():
    name = create(
        "import os, time\nN = [0]\n"
        "def handler(e, c):\n"
        "    N[0] += 1\n"
        "    if e.get('sleep'):\n"
        "        open('/tmp/mark', 'w').write(c.log_stream_name)\n"
        "        time.sleep(30)\n"
        "    mark = open('/tmp/mark').read() if os.path.exists('/tmp/mark') else None\n"
        "    return [N[0], mark == c.log_stream_name]\n",
        Timeout=2,
    )

    failed(name, {"sleep": True})

    equal(invoke(name, {}).json, [1, True])


@scenario
def a_timeout_kills_one_environment_and_not_its_siblings():
    from concurrent.futures import ThreadPoolExecutor

    name = create("import time\ndef handler(e, c):\n    time.sleep(e)\n    return e\n", Timeout=2)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seconds: invoke(name, seconds), [30, 1.2, 1.3, 1.4]))

    equal([answer.error for answer in answers], ["Unhandled", None, None, None])
    equal([answer.json for answer in answers[1:]], [1.2, 1.3, 1.4])


@scenario
def exits():
    for statement, reason in (
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ):
        name = create(f"import os\ndef handler(e, c):\n    {statement}\n")
        answer = failed(name)
        error_is(answer, "Runtime.ExitError", f"RequestId: {answer.request_id} Error: {reason}")
        matches(r"\tStatus: error\tError Type: Runtime\.ExitError", answer.log)


@scenario
def an_exit_while_importing_is_tried_again_within_the_invoke():
    name = create("import os\nos._exit(1)\n")

    answer = failed(name)

    error_is(
        answer,
        "Runtime.ExitError",
        f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 1",
    )
    matches(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Runtime\.ExitError", answer.log)


@scenario
def too_much_memory():
    name = create("def handler(e, c):\n    return len(bytearray(512 * 1024 * 1024))\n", MemorySize=128, Timeout=20)

    answer = failed(name)

    error_is(
        answer,
        "Runtime.OutOfMemory",
        f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed",
    )
    equal(answer.report["Max Memory Used"], "128 MB")
    matches(r"\tStatus: error\tError Type: Runtime\.OutOfMemory", answer.log)


@scenario
def too_much_memory_while_importing():
    name = create("X = bytearray(512 * 1024 * 1024)\ndef handler(e, c): ...\n", MemorySize=128, Timeout=20)

    answer = failed(name)

    error_is(
        answer,
        "Runtime.OutOfMemory",
        f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed",
    )
    equal(answer.report["Max Memory Used"], "128 MB")


@scenario
def an_oversized_response():
    name = create("def handler(e, c):\n    return 'x' * e\n", MemorySize=512)

    equal(len(invoke(name, 6_000_000).json), 6_000_000)
    error_is(
        failed(name, 6_291_556),
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    )
    equal(invoke(name, 3).json, "xxx")


@scenario
def a_result_that_is_no_json():
    name = create("def handler(e, c):\n    return {1, 2}\n")

    answer = failed(name)

    equal(answer.json["errorType"], "Runtime.MarshalError")
    matches(r"^Unable to marshal response: ", answer.json["errorMessage"])


@scenario
def a_bootstrap_that_is_missing_or_cannot_run():
    missing = create({"other": ""}, handler="x", runtime=CUSTOM)
    not_executable = create({"bootstrap": "#!/bin/sh\n"}, handler="x", runtime=CUSTOM)
    no_program = create(package({"bootstrap": "#!/no/such/shell\n"}, {"bootstrap": 0o755}), handler="x", runtime=CUSTOM)

    for name in (missing, not_executable, no_program):
        equal(failed(name).json["errorType"], "Runtime.InvalidEntrypoint")


@scenario
def a_function_for_the_other_machine():
    other, number = ("x86_64", 62) if platform.machine() == "aarch64" else ("arm64", 183)
    program = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, number, 1) + bytes(40)
    code = package({"bootstrap": program}, {"bootstrap": 0o755})

    interpreted = create("def handler(e, c):\n    return 'ran'\n", Architectures=[other])
    native = create(code, handler="x", runtime=CUSTOM, Architectures=[other])

    for name in (interpreted, native):
        equal(client.get_function(FunctionName=name)["Configuration"]["Architectures"], [other])
    equal(invoke(interpreted).json, "ran")
    answer = failed(native).json
    equal(answer["errorType"], "Runtime.InvalidEntrypoint")
    matches(r"^RequestId: \S+ Error: fork/exec /var/task/bootstrap: exec format error$", answer["errorMessage"])


main()
