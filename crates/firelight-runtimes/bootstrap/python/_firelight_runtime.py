"""Runs a Python handler on the Lambda Runtime API.

    start: connects, rehearses ── told to wait ──► forgets its variables, waits to be told what for
      │                                                 │
      ▼ ◄───────────────────────────────────────────────┘
    init: sys.path, handler import ── fails ──► POST init/error, exit 1
      │
      ▼
    GET next ──► handler(event, context) ──► POST response | POST error ──► GET next ...
                        └── is a generator ──► chunked POST, part by part, with the error in trailers

Where the environment runs several invocations at once, the process forks before the import: each child does the above,
and handlers share no state, as on AWS's managed instances. The first child that ends takes the others with it.

Streaming goes beyond Lambda, whose Python clients have none: there such a handler fails with Runtime.MarshalError.

Only what every start needs is imported at the top; logging, traceback and json come when something needs them, because
each costs more than the rest of a start together. Works on Python 3.8 and newer.

A log record of several lines leaves as one line with carriage returns in place of line feeds, as AWS's own client
writes it to standard output; the platform turns them back and so keeps the record together.
"""

import os
import sys
import time

import _socket

_BEFORE_REQUEST_ID = sys.version_info < (3, 9)
_NO_BREAK_SPACE = "\u00a0"
_USER_AGENT = "firelight-python/%d.%d.%d" % sys.version_info[:3]
# Tells, by being there, that the process is started before it is known what for; the platform's contract.
_WAITS = "_FIRELIGHT_WAITS"
_WAITING_DESCRIPTOR = 63
# More than the directory and all variables that fit a process that waits. Little enough to come from the heap.
_PURPOSE_BYTES = 1 << 15

_Generator = type((lambda: (yield))())
_HTTP_RESPONSE = "application/vnd.awslambda.http-integration-response"


def _minor_version():
    """The version the function asked for, which a mapped interpreter need not have."""
    family, _, minor = os.environ.get("AWS_EXECUTION_ENV", "").rpartition(".")
    if family == "AWS_Lambda_python3" and minor.isdigit():
        return int(minor)
    return sys.version_info[1]


class Settings:
    """What the variables say, read once it is known what the process is for."""

    json_logs = False
    encode = None

    @classmethod
    def read(cls):
        cls.json_logs = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        cls.encode = staticmethod(_make_encoder())


class Invocation:
    """What the log needs to know of the invocation that runs."""

    request_id = None
    tenant_id = None


class Fault(Exception):
    """An error of the runtime itself, by AWS's name for it."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace


# The Runtime API.


class Answer:
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class RuntimeApi:
    """One kept-alive connection to the Runtime API."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._socket = None
        head = " HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n" % (address, _USER_AGENT)
        self._common = head
        self._next = ("GET /2018-06-01/runtime/invocation/next%s\r\n" % head).encode()

    def connect_ahead(self):
        """Connects before anything is to be asked; whoever asks first does it otherwise."""
        try:
            self._open()
        except OSError:
            self._close()

    def next(self):
        """Waits for the next invocation. Safe to repeat, so a lost connection is opened anew."""
        try:
            return self._exchange(self._next)
        except OSError:
            self._close()
            return self._exchange(self._next)

    def response(self, request_id, body, content_type):
        return self._post("invocation/%s/response" % request_id, body, content_type, "")

    def error(self, request_id, error_type, body, cause):
        headers = _header("Lambda-Runtime-Function-Error-Type", error_type)
        headers += _header("Lambda-Runtime-Function-XRay-Error-Cause", cause)
        return self._post("invocation/%s/error" % request_id, body, "application/json", headers)

    def init_error(self, error_type, body):
        headers = _header("Lambda-Runtime-Function-Error-Type", error_type)
        return self._post("init/error", body, "application/json", headers)

    def begin_stream(self, request_id, content_type):
        head = "POST /2018-06-01/runtime/invocation/%s/response%sContent-Type: %s\r\n%s%s\r\n" % (
            request_id, self._common, content_type,
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n",
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n",
        )
        if self._socket is None:
            self._open()
        self._socket.sendall(head.encode())

    def send_part(self, part):
        if part:
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(part), part))

    def end_stream(self, trailers=""):
        self._socket.sendall(("0\r\n%s\r\n" % trailers).encode())
        return self._read()

    def _post(self, path, body, content_type, headers):
        head = "POST /2018-06-01/runtime/%s%sContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (
            path, self._common, content_type, len(body), headers,
        )
        return self._exchange(head.encode("utf-8"), body)

    def _exchange(self, head, body=b""):
        if self._socket is None:
            self._open()
        if len(body) < 65536:
            self._socket.sendall(head + body)
        else:
            self._socket.sendall(head)
            self._socket.sendall(body)
        return self._read()

    def _open(self):
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        connection.connect(self._address)
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._socket = connection

    def _close(self):
        connection, self._socket = self._socket, None
        if connection is not None:
            try:
                connection.close()
            except OSError:
                # The function closed it, with everything else that was open.
                pass

    def _read(self):
        data = b""
        end = -1
        while end < 0:
            data += self._receive()
            end = data.find(b"\r\n\r\n")
        lines = data[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self._read_body(data[end + 4:], int(headers.get("content-length", 0)))
        return Answer(int(lines[0][9:12]), headers, body)

    def _read_body(self, begun, length):
        if len(begun) == length:
            return begun
        body = bytearray(length)
        body[: len(begun)] = begun
        filled = len(begun)
        view = memoryview(body)
        while filled < length:
            count = self._socket.recv_into(view[filled:])
            if count == 0:
                raise ConnectionResetError("the Runtime API closed the connection")
            filled += count
        return bytes(body)

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data


def _header(name, value):
    """One header line; empty when there is no value or it would not fit."""
    if not value or len(value) > 32768:
        return ""
    value = value.replace("\r", " ").replace("\n", " ")
    return "%s: %s\r\n" % (name, value)


# JSON, without importing the json package: its regular expressions cost milliseconds that only errors need.


class _ScannerSettings:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo = {}
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


def _make_decoder():
    try:
        from _json import make_scanner
    except ImportError:
        return _decode_slowly
    scan = make_scanner(_ScannerSettings)

    def decode(body):
        try:
            text = body.decode("utf-8").strip(" \t\n\r")
            value, end = scan(text, 0)
            if end == len(text):
                return value
        except (StopIteration, ValueError):
            pass
        # It fails there with the text that AWS's client gives.
        return _decode_slowly(body)

    return decode


def _decode_slowly(body):
    import json

    return json.loads(body)


def _make_encoder():
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder
    except ImportError:
        return _encode_slowly
    quote = encode_basestring_ascii if _minor_version() < 12 else encode_basestring

    def encode(value):
        decimals = _Decimals()
        encoder = make_encoder({}, decimals.default, quote, None, ": ", ", ", False, False, True)
        return decimals.put_back("".join(encoder(value, 0)))

    return encode


def _encode_slowly(value):
    import json

    decimals = _Decimals()
    encoded = json.dumps(value, default=decimals.default, ensure_ascii=_minor_version() < 12)
    return decimals.put_back(encoded)


class _Decimals:
    """Writes Decimal values as numbers, digit by digit: the encoder sees marks that are replaced afterwards."""

    def __init__(self):
        self.mark = None
        self.texts = []

    def default(self, value):
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(value, decimal.Decimal):
            return float("nan") if value.is_nan() else self._mark(str(value))
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8")
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)

    def _mark(self, text):
        if self.mark is None:
            self.mark = os.urandom(16).hex()
        self.texts.append(text)
        return "%s-%d-" % (self.mark, len(self.texts) - 1)

    def put_back(self, encoded):
        for position, text in enumerate(self.texts):
            encoded = encoded.replace('"%s-%d-"' % (self.mark, position), text)
        return encoded


_decode = _make_decoder()


def _unmarshal(body, content_type):
    if content_type != "application/json":
        return body
    try:
        return _decode(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)


def _marshal(response):
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        return Settings.encode(response).encode("utf-8"), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


# The context object.


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __repr__(self):
        return "CognitoIdentity([%s])" % _fields(self)


class Client:
    __slots__ = [
        "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name",
    ]

    def __repr__(self):
        return "Client([%s])" % _fields(self)


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __repr__(self):
        return "ClientContext([%s])" % _fields(self)


def _fields(value):
    return ",".join("%s=%s" % (name, getattr(value, name)) for name in value.__slots__)


def _filled(kind, values):
    if values is None:
        return None
    made = kind()
    for name in kind.__slots__:
        setattr(made, name, values.get(name))
    return made


class LambdaContext:
    """What a handler knows about its invocation."""

    def __init__(self, headers):
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context, self._w3c = _client_context(headers)
        self.identity = _identity(headers)
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def w3c(self):
        """The trace context that the caller sent along."""
        return dict(self._w3c)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        )
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in names)


def _json_header(headers, name):
    value = headers.get(name)
    if not value:
        return None
    try:
        return _decode(value.encode("latin-1"))
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s: %s" % (name, error))


def _client_context(headers):
    values = _json_header(headers, "lambda-runtime-client-context")
    if values is None:
        return None, {}
    context = _filled(ClientContext, values)
    context.client = _filled(Client, context.client)
    sent = values.get("w3c")
    names = ("traceparent", "tracestate", "baggage") if isinstance(sent, dict) else ()
    return context, {name: sent[name] for name in names if isinstance(sent.get(name), str)}


def _identity(headers):
    values = _json_header(headers, "lambda-runtime-cognito-identity") or {}
    identity = CognitoIdentity()
    identity.cognito_identity_id = values.get("cognitoIdentityId")
    identity.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")
    return identity


# Finding and running the handler.


def _load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", message)
    module = _import(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message)


def _import(name):
    dotted = name.replace("/", ".")
    try:
        __import__(dotted)
        return sys.modules[dotted]
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        message = "Syntax error in module '%s': %s" % (name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, trace)


def _installed_paths():
    """What is installed beside the interpreter, which no function changes."""
    version = "python%d.%d" % sys.version_info[:2]
    paths = [
        "%s/lib/%s/site-packages" % (sys.prefix, version),
        "%s/local/lib/%s/dist-packages" % (sys.prefix, version),
        "%s/lib/python3/dist-packages" % sys.prefix,
    ]
    return [path for path in paths if os.path.isdir(path)]


def _extend_path(task_root, installed):
    """Puts code before layers before the standard library before what is installed beside the interpreter."""
    version = "python%d.%d" % sys.version_info[:2]
    before = [task_root, "/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    known = [path for path in sys.path if path not in before]
    sys.path[:] = before + known + [path for path in installed if path not in known]


def _give_back_site_builtins():
    """Sets what the site module, skipped for speed, would have set: handlers do call exit()."""
    import builtins

    from _sitebuiltins import Quitter

    builtins.exit = Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = Quitter("quit", "Ctrl-D (i.e. EOF)")


# Errors, as payload and as log record.


def _error_payload(message, error_type, trace, request_id):
    payload = {"errorMessage": message, "errorType": error_type}
    if not _BEFORE_REQUEST_ID:
        payload["requestId"] = request_id or ""
    payload["stackTrace"] = trace or []
    return payload


def _frames(trace):
    """The frames of the function's own code: those of this file are left out."""
    import traceback

    frames = traceback.extract_tb(trace)
    ours = 0
    while ours < len(frames) and frames[ours].filename == __file__:
        ours += 1
    return frames[ours:]


def _xray_cause(message, error_type, frames):
    stack = [{"label": frame.name, "path": frame.filename, "line": frame.lineno} for frame in frames]
    exception = {"message": message, "type": error_type, "stack": stack}
    paths = sorted({frame.filename for frame in frames})
    return Settings.encode({"working_directory": os.getcwd(), "exceptions": [exception], "paths": paths})


def _describe(error, request_id):
    """The payload of an error, and its cause for the trace."""
    if isinstance(error, Fault):
        payload = _error_payload(error.message, error.error_type, error.trace, request_id)
        return payload, _xray_cause(error.message, "LambdaValidationError", [])
    import traceback

    message, error_type = str(error), type(error).__name__
    frames = _frames(error.__traceback__)
    payload = _error_payload(message, error_type, traceback.format_list(frames), request_id)
    return payload, _xray_cause(message, error_type, frames)


def _log_error(payload):
    if Settings.json_logs:
        record = {"timestamp": _timestamp(time.time()), "level": "ERROR"}
        record.update(payload)
        record.setdefault("requestId", Invocation.request_id or "")
        _write_record(Settings.encode(record))
        return
    message = payload["errorMessage"]
    lines = ["[ERROR] %s" % payload["errorType"] + (": %s" % message if message else "")]
    lines.append("Traceback (most recent call last):")
    for entry in payload["stackTrace"]:
        lines.extend(_with_fixed_indent(line) for line in entry.splitlines())
    _write_record("\n".join(lines))


def _with_fixed_indent(line):
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text


def _write_record(text):
    sys.stdout.write(text.replace("\n", "\r") + "\n")


# Logging: set up when the function imports it.


def _timestamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class _LoggingHook:
    """Configures the logging module right after its import."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return _with_setup(spec)
        return None


def _with_setup(spec):
    execute = spec.loader.exec_module

    def execute_and_set_up(module):
        execute(module)
        _set_up_logging(module)

    spec.loader.exec_module = execute_and_set_up
    return spec


def _set_up_logging(logging):
    class Handler(logging.Handler):
        def emit(self, record):
            try:
                _write_record(self.format(record))
            except Exception:
                self.handleError(record)

    class RequestIdFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = Invocation.request_id or ""
            record.tenant_id = Invocation.tenant_id
            return True

    handler = Handler()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(_json_formatter(logging) if Settings.json_logs else _text_formatter(logging))
    logging.root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    known = {"TRACE": "DEBUG", "DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARNING", "WARNING": "WARNING"}
    known.update({"ERROR": "ERROR", "FATAL": "CRITICAL", "CRITICAL": "CRITICAL"})
    if level in known:
        logging.root.setLevel(known[level])


def _text_formatter(logging):
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    return formatter


def _json_formatter(logging):
    import json

    usual = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) - {"taskName"}
    usual |= {"aws_request_id", "tenant_id"}
    # What is not JSON is shown as text: a log record is never lost for that.
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            is_object = isinstance(record.msg, dict) and not record.args
            fields = {
                "timestamp": _timestamp(record.created),
                "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
                "message": record.msg if is_object else record.getMessage(),
                "logger": record.name,
            }
            fields.update(_record_error(record))
            fields["requestId"] = record.aws_request_id
            fields["tenantId"] = record.tenant_id
            own = vars(record).items()
            fields.update((name, value) for name, value in own if name not in usual and name not in fields)
            return encode({name: value for name, value in fields.items() if value is not None})

    return JsonFormatter()


def _record_error(record):
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    import traceback

    error_type, error, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": error_type.__name__,
        "errorMessage": str(error),
        "location": "%s:%s:%d" % (record.pathname, record.funcName, record.lineno),
    }


# The life of the process.


def _run_once(api, handler):
    answer = api.next()
    if answer.status != 200:
        raise RuntimeError("the Runtime API refused to hand out an invocation: %r" % answer.body)
    headers = answer.headers
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    Invocation.request_id = request_id
    Invocation.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    _set_trace_id(headers.get("lambda-runtime-trace-id"))
    try:
        context = LambdaContext(headers)
        event = _unmarshal(answer.body, headers.get("content-type", "application/json"))
        result = handler(event, context)
        if type(result) is _Generator:
            parts = _Parts(result)
        else:
            parts = None
            result, content_type = _marshal(result)
    except Exception as error:
        _report(api, request_id, error)
        return
    if parts is not None:
        parts.send(api, request_id)
        return
    sys.stdout.flush()
    api.response(request_id, result, content_type)


class _Parts:
    """A response that a generator yields part by part: bytes and text as they are, anything else as JSON.

    A first part that is a dict with "statusCode" is the head of an HTTP response. The first part is made before
    anything is sent, so that what fails until then is an ordinary error.
    """

    def __init__(self, generator):
        self._generator = generator
        self._content_type = "application/octet-stream"
        self._first = self._begun(next(generator, b""))

    def _begun(self, part):
        if isinstance(part, dict) and "statusCode" in part:
            self._content_type = _HTTP_RESPONSE
            return _encoded(part) + b"\0" * 8
        return _encoded(part)

    def send(self, api, request_id):
        try:
            api.begin_stream(request_id, self._content_type)
            self._send_all(api)
        except OSError:
            # The platform takes no more: the invocation is over. The connection says nothing useful any longer.
            api._close()
        finally:
            self._generator.close()

    def _send_all(self, api):
        part, trailers = self._first, ""
        while part is not None:
            sys.stdout.flush()
            api.send_part(part)
            # What fails here is the function's doing; what fails above is the connection.
            try:
                part = _encoded(next(self._generator))
            except StopIteration:
                part = None
            except Exception as error:
                part, trailers = None, _error_trailers(error)
        sys.stdout.flush()
        api.end_stream(trailers)


def _encoded(part):
    if isinstance(part, (bytes, bytearray, memoryview)):
        return bytes(part)
    if isinstance(part, str):
        return part.encode("utf-8")
    return _marshal(part)[0]


def _error_trailers(error):
    import binascii

    payload, _ = _describe(error, Invocation.request_id)
    _log_error(payload)
    sys.stdout.flush()
    body = Settings.encode(payload).encode("utf-8", "replace")
    lines = _header("Lambda-Runtime-Function-Error-Type", payload["errorType"])
    return lines + _header("Lambda-Runtime-Function-Error-Body", binascii.b2a_base64(body, newline=False).decode())


def _report(api, request_id, error):
    payload, cause = _describe(error, request_id)
    _log_error(payload)
    sys.stdout.flush()
    api.error(request_id, payload["errorType"], Settings.encode(payload).encode("utf-8", "replace"), cause)


def _set_trace_id(trace_id):
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def _initialize(api):
    try:
        return _load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        payload, _ = _describe(error, None)
        _log_error(payload)
        sys.stdout.flush()
        api.init_error(payload["errorType"], Settings.encode(payload).encode("utf-8", "replace"))
        sys.exit(1)


def _wait_to_be_told():
    """Says that it waits, and takes over the directory and the variables that it is told."""
    from posix import environ

    os.environ.clear()
    os.write(_WAITING_DESCRIPTOR, b"\x01")
    told = os.read(_WAITING_DESCRIPTOR, _PURPOSE_BYTES)
    os.close(_WAITING_DESCRIPTOR)
    if not told:
        os._exit(0)
    directory, *variables = told.split(b"\0")[:-1]
    os.chdir(directory)
    environ.clear()
    environ.update(variable.partition(b"=")[::2] for variable in variables)
    os.environb.update(environ)


def _rehearse():
    """Does once, for nothing, what each start does after a wait, so that it is quick then.

    The first compilation of a process makes the types of all syntax nodes, a millisecond's work. Every start rehearses,
    so that those which do not wait look the same to the function.
    """
    loader = type(__loader__)("bootstrap", os.path.join(os.path.dirname(__file__), "bootstrap.py"))
    loader.source_to_code(loader.get_data(loader.path), loader.path)
    Settings.read()
    Settings.encode(_decode(b"[{}]"))


def _share(concurrency):
    """Forks a child for each invocation at once, and returns in them. The parent ends as the first child that ends."""
    from signal import SIG_DFL, SIGTERM, signal

    children = []
    while len(children) < concurrency:
        try:
            child = os.fork()
        except OSError:
            # As many as the environment's limits have room for.
            if not children:
                raise
            break
        if child == 0:
            return
        children.append(child)
    signal(SIGTERM, lambda number, frame: [os.kill(child, number) for child in children])
    _, status = os.wait()
    if os.WIFSIGNALED(status):
        signal(SIGTERM, SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    # Before the code is on the path, which is not there yet while this process waits.
    _give_back_site_builtins()
    sys.meta_path.insert(0, _LoggingHook())
    installed = _installed_paths()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.connect_ahead()
    _rehearse()
    if _WAITS in os.environ:
        _wait_to_be_told()
    Settings.read()
    _extend_path(os.environ.get("LAMBDA_TASK_ROOT", "/var/task"), installed)
    if "AWS_LAMBDA_MAX_CONCURRENCY" in os.environ:
        # Each child has a connection of its own.
        api._close()
        _share(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"]))
    handler = _initialize(api)
    while True:
        _run_once(api, handler)
