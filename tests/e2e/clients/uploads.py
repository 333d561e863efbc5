"""An upload in parts to S3 whose daemon is killed under it.

    uploads.py upload PID SEED STATE    sends parts until the daemon is killed, which it does itself
    uploads.py complete PID SEED STATE  completes the upload, and kills the daemon meanwhile
    uploads.py check PID SEED STATE     compares what is there with what was acknowledged

STATE is a file in which the next call finds what this one was told.
"""

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time

from botocore.exceptions import ClientError

from support import service

BUCKET, KEY, PARTS = "uploads", "key", 4
PART = b"x" * (5 * 1024 * 1024)
STEP, PID, SEED, STATE = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
s3 = service("s3")


def content(number):
    return PART + str(number).encode()


def kill_after(longest):
    """Kills the daemon at a moment that follows from the seed."""
    time.sleep(random.Random(SEED).uniform(0, longest))
    os.kill(PID, signal.SIGKILL)


def attempt(call):
    """Returns the answer, or nothing where the daemon was gone before it gave one."""
    try:
        return call()
    except ClientError:
        raise
    except Exception:
        return None


def put(upload, number):
    return attempt(
        lambda: service("s3").upload_part(Bucket=BUCKET, Key=KEY, UploadId=upload, PartNumber=number, Body=content(number))
    )


def parts_of(upload):
    parts = s3.list_parts(Bucket=BUCKET, Key=KEY, UploadId=upload).get("Parts", [])
    return {part["PartNumber"]: part["ETag"].strip('"') for part in parts}


def upload():
    s3.create_bucket(Bucket=BUCKET)
    state = {"upload": s3.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"], "acknowledged": []}

    def work(number):
        if put(state["upload"], number):
            state["acknowledged"].append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, PARTS + 1)]
    for thread in threads:
        thread.start()
    kill_after(1.5)
    for thread in threads:
        thread.join()
    return state


def complete(state):
    found = parts_of(state["upload"])
    for number in state["acknowledged"]:
        assert number in found, (number, found)
    for number, etag in found.items():
        assert etag == hashlib.md5(content(number)).hexdigest(), (number, "is half a part")
    for number in range(1, PARTS + 1):
        put(state["upload"], number)
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(parts_of(state["upload"]).items())]
    killer = threading.Thread(target=kill_after, args=(0.02,))
    killer.start()
    done = attempt(
        lambda: s3.complete_multipart_upload(Bucket=BUCKET, Key=KEY, UploadId=state["upload"], MultipartUpload={"Parts": parts})
    )
    killer.join()
    return state | {"done": done is not None, "parts": parts}


def check(state):
    uploads = [it["UploadId"] for it in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
    is_open = state["upload"] in uploads
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    assert (keys == [KEY]) != is_open, (keys, uploads, "neither or both")
    assert not (state["done"] and is_open), "an object that was acknowledged is gone"
    # Completing it again is harmless: the answer may have been lost.
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key=KEY, UploadId=state["upload"], MultipartUpload={"Parts": state["parts"]}
    )
    whole = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    assert whole == b"".join(content(number) for number in range(1, PARTS + 1))


if STEP == "upload":
    result = upload()
else:
    with open(STATE) as file:
        given = json.load(file)
    result = complete(given) if STEP == "complete" else check(given)
with open(STATE, "w") as file:
    json.dump(result, file)
