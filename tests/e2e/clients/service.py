"""A stand-in for SQS, SNS and EventBridge, in one process on a free port.

    service.py SECRET OPEN_FILE

It prints its port, and then one JSON line for each request that it was sent. Signatures are recomputed by botocore. Until
OPEN_FILE exists, every service answers that it is unavailable.
"""

import asyncio
import hmac
import json
import os
import sys

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECRET, OPEN_FILE = sys.argv[1:]


def recomputed(method, path, headers, body):
    """Returns what the request claims about itself, and the signature it should have."""
    scheme, fields = headers["authorization"].split(" ", 1)
    assert scheme == "AWS4-HMAC-SHA256", scheme
    fields = dict(field.strip().split("=", 1) for field in fields.split(","))
    key, _date, region, service, _ = fields["Credential"].split("/")
    signed = {name: headers[name] for name in fields["SignedHeaders"].split(";")}
    request = AWSRequest(method=method, url=f"http://{headers['host']}{path}", data=body, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key, SECRET), service, region)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return {"key": key, "region": region, "service": service}, fields["Signature"], auth.signature(to_sign, request)


def answer(method, path, headers, body):
    """Returns the status, the body, and the line to print."""
    claim, given, expected = recomputed(method, path, headers, body)
    line = claim | {
        "authentic": hmac.compare_digest(given, expected),
        "target": headers.get("x-amz-target"),
        "trace": headers.get("x-amzn-trace-id"),
        "body": body.decode(),
    }
    if not line["authentic"]:
        line["status"] = 403
        return 403, '{"__type":"SignatureDoesNotMatch"}', line
    line["status"] = 200 if os.path.exists(OPEN_FILE) else 503
    return line["status"], '{"Entries":[{"EventId":"1"}]}', line


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, text, line = answer(method, path, headers, body)
            print(json.dumps(line), flush=True)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
