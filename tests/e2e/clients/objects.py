"""Objects of S3 for those who sign nothing: the public, web pages and their forms."""

import json
import os
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from support import main, scenario, service

s3 = service("s3")
APP = "https://app.example"


def open_bucket(name, actions):
    """Makes a bucket whose policy lets everybody do some things below public/."""
    s3.create_bucket(Bucket=name)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions,
        "Resource": f"arn:aws:s3:::{name}/public/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def send(method, url, headers=None, body=None):
    """Returns the status, the headers and the body of an answer, whatever it is."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(request)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def form(post, content):
    """Returns a form as browsers send it: its headers and its body."""
    parts = [f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in post["fields"].items()]
    file = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="cat.png"\r\nContent-Type: image/png\r\n\r\n'
    body = "".join(parts).encode() + file.encode() + content + b"\r\n--xyz--\r\n"
    return {"Content-Type": "multipart/form-data; boundary=xyz", "Origin": APP}, body


@scenario
def everybody_reads_what_the_policy_opens_and_nothing_else():
    open_bucket("open", ["s3:GetObject"])
    anybody = boto3.client("s3", config=Config(signature_version=UNSIGNED))
    for key in ("public/a", "private"):
        s3.put_object(Bucket="open", Key=key, Body=b"content")

    assert anybody.get_object(Bucket="open", Key="public/a")["Body"].read() == b"content"
    assert code_of(lambda: anybody.get_object(Bucket="open", Key="private")) == "AccessDenied"
    assert code_of(lambda: anybody.put_object(Bucket="open", Key="public/b", Body=b"")) == "AccessDenied"
    assert code_of(lambda: anybody.list_objects_v2(Bucket="open")) == "AccessDenied"
    assert s3.get_bucket_policy_status(Bucket="open")["PolicyStatus"]["IsPublic"]

    s3.put_public_access_block(Bucket="open", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert code_of(lambda: anybody.get_object(Bucket="open", Key="public/a")) == "AccessDenied"


@scenario
def a_bucket_begins_closed_to_the_public():
    s3.create_bucket(Bucket="closed")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::closed/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    assert code_of(lambda: s3.put_bucket_policy(Bucket="closed", Policy=policy)) == "AccessDenied"
    put = lambda: s3.put_object(Bucket="closed", Key="a", Body=b"", ACL="public-read")
    assert code_of(put) == "AccessControlListNotSupported"


@scenario
def forms_of_boto3_upload_what_their_policies_allow():
    s3.create_bucket(Bucket="forms")
    content = os.urandom(3_000_000)
    conditions = [["content-length-range", 1, 4_000_000], {"success_action_status": "201"}]
    fields = {"success_action_status": "201"}
    for version in ("s3v4", "s3"):
        signer = boto3.client("s3", config=Config(signature_version=version))
        post = signer.generate_presigned_post("forms", "user/${filename}", fields, conditions, 60)

        status, headers, body = send("POST", post["url"], *form(post, content))
        assert status == 201 and b"<Key>user/cat.png</Key>" in body, (status, body)
        assert s3.get_object(Bucket="forms", Key="user/cat.png")["Body"].read() == content

        for change, expected in (
            ({"key": "other/a"}, b"Invalid according to Policy: Policy Condition failed"),
            ({"x-amz-meta-a": "1"}, b"Invalid according to Policy: Extra input fields: x-amz-meta-a"),
            ({"policy": post["fields"]["policy"][:-4] + "AAAA"}, b"<Code>"),
        ):
            changed = post | {"fields": post["fields"] | change}
            status, _, body = send("POST", post["url"], *form(changed, b"x"))
            assert status in (400, 403) and expected in body, (change, status, body)
        status, _, body = send("POST", post["url"], *form(post, b""))
        assert status == 400 and b"EntityTooSmall" in body, (status, body)
    assert s3.list_objects_v2(Bucket="forms")["KeyCount"] == 1


@scenario
def rules_of_a_bucket_open_presigned_urls_to_pages():
    s3.create_bucket(Bucket="pages")
    rule = {"AllowedOrigins": [APP], "AllowedMethods": ["PUT"], "AllowedHeaders": ["content-type"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket="pages", CORSConfiguration={"CORSRules": [rule]})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "pages", "Key": "a"})
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    status, headers, _ = send("OPTIONS", url, {"Origin": APP} | asks)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == APP, (status, headers)
    status, headers, _ = send("PUT", url, {"Origin": APP, "Content-Type": ""}, b"content")
    assert status == 200 and headers["Access-Control-Expose-Headers"] == "ETag", (status, headers)

    status, headers, body = send("OPTIONS", url, {"Origin": "https://other.example"} | asks)
    assert status == 403 and b"AccessForbidden" in body, (status, body)
    assert "Access-Control-Allow-Origin" not in headers


@scenario
def each_key_of_a_list_is_deleted_only_if_it_may_be():
    s3.create_bucket(Bucket="guarded")
    for key in ("free", "kept"):
        s3.put_object(Bucket="guarded", Key=key, Body=b"")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::guarded/kept",
    }
    s3.put_bucket_policy(Bucket="guarded", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    answer = s3.delete_objects(Bucket="guarded", Delete={"Objects": [{"Key": "free"}, {"Key": "kept"}]})

    assert [it["Key"] for it in answer["Deleted"]] == ["free"], answer
    assert [(it["Key"], it["Code"]) for it in answer["Errors"]] == [("kept", "AccessDenied")], answer
    assert [it["Key"] for it in s3.list_objects_v2(Bucket="guarded")["Contents"]] == ["kept"]


if __name__ == "__main__":
    main()
