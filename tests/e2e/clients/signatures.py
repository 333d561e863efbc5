"""Requests that botocore signs for each service, genuine and tampered with: every answer in the words of the service."""

import http.client
import urllib.parse

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest

from support import REGION, main, scenario, service

ENDPOINT = service("sts").meta.endpoint_url
CREDENTIALS = boto3.Session().get_credentials()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def json_call(target):
    return {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}


# Service, method, path, headers and body of a call that every service answers.
CALLS = {
    "iam": ("POST", "/", FORM, b"Action=ListUsers&Version=2010-05-08"),
    "lambda": ("GET", "/2015-03-31/functions/", {}, b""),
    "logs": ("POST", "/", json_call("Logs_20140328.DescribeLogGroups"), b"{}"),
    "s3": ("GET", "/", {}, b""),
    "ssm": ("POST", "/", json_call("AmazonSSM.DescribeParameters"), b"{}"),
    "sts": ("POST", "/", FORM, b"Action=GetCallerIdentity&Version=2011-06-15"),
}
JSON = {"lambda", "logs", "ssm"}


def sent(method, path, headers, body):
    """Returns the status and the text of an answer to exactly this request."""
    host = urllib.parse.urlsplit(ENDPOINT).netloc
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    kind = answer.getheader("x-amzn-errortype", "")
    return answer.status, kind + answer.read().decode()


def signed(name, more=None):
    """Returns a signed call, ready to be tampered with."""
    method, path, headers, body = CALLS[name]
    request = AWSRequest(method, ENDPOINT + path, data=body, headers=headers | (more or {}))
    kind = S3SigV4Auth if name == "s3" else SigV4Auth
    kind(CREDENTIALS, name, REGION).add_auth(request)
    return method, path, dict(request.headers.items()), body


def refused(name, call, of_json, of_others, of_s3):
    status, text = sent(*call)
    expected = of_s3 if name == "s3" else of_json if name in JSON else of_others
    assert status in (400, 403) and expected in text, (name, expected, status, text)


@scenario
def genuine_requests_of_every_service_pass():
    for name in CALLS:
        status, text = sent(*signed(name))
        assert status == 200, (name, status, text)


@scenario
def whatever_is_changed_after_signing_is_noticed():
    for name in CALLS:
        for part, other in (("us-east-1", "eu-west-1"), ("Signature=", "Signature=0")):
            method, path, headers, body = signed(name)
            headers["Authorization"] = headers["Authorization"].replace(part, other)
            call = (method, path, headers, body)
            refused(name, call, "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch")
        method, path, headers, body = signed(name)
        call = (method, path + "?a=b", headers, body)
        refused(name, call, "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch")


@scenario
def headers_that_steer_must_be_signed():
    for name in CALLS:
        method, path, headers, body = signed(name)
        call = (method, path, headers | {"x-amz-steering": "1"}, body)
        text = "There were headers present in the request which were not signed"
        refused(name, call, text, text, text)
        headers["Authorization"] = headers["Authorization"].replace("host;", "")
        call = (method, path, headers, body)
        text = "'Host' or ':authority' must be a 'SignedHeader'"
        refused(name, call, text, text, "<HeadersNotSigned>host")


@scenario
def old_signatures_and_scopes_of_other_days_are_refused():
    for name in CALLS:
        method, path, headers, body = signed(name)
        old = headers | {"X-Amz-Date": "20200101T000000Z"}
        refused(name, (method, path, old, body), "Signature expired: 20200101T000000Z", "Signature expired: ", "RequestTimeTooSkewed")
        day = headers["X-Amz-Date"][:8]
        headers["Authorization"] = headers["Authorization"].replace(f"/{day}/", "/20200101/")
        other = "Date in Credential scope does not match YYYYMMDD"
        refused(name, (method, path, headers, body), other, other, "AuthorizationHeaderMalformed")


@scenario
def bodies_are_covered_except_where_s3_lets_them_go_unsigned():
    for name, (method, path, _, body) in CALLS.items():
        if name == "s3":
            continue
        for digest in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64):
            call = signed(name, {"x-amz-content-sha256": digest})
            refused(name, call, "InvalidSignatureException", "SignatureDoesNotMatch", "")
        _, _, headers, _ = signed(name)
        call = (method, path, headers, body + b" ")
        refused(name, call, "InvalidSignatureException", "SignatureDoesNotMatch", "")


@scenario
def half_a_signature_names_what_is_missing():
    for name in CALLS:
        method, path, headers, body = signed(name)
        headers["Authorization"] = headers["Authorization"].split(", Signature")[0]
        text = "Authorization header requires 'Signature' parameter."
        refused(name, (method, path, headers, body), text, "IncompleteSignature", "requires three components")


@scenario
def sessions_need_their_token():
    session = service("sts").get_session_token()["Credentials"]
    key, secret, token = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    for given, code in ((None, "InvalidAccessKeyId"), (token[:-8] + "AAAAAAAA", "InvalidToken")):
        client = boto3.client("s3", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=given)
        try:
            client.list_buckets()
            raise AssertionError(given)
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == code, error.response
    client = boto3.client("s3", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
    client.list_buckets()


if __name__ == "__main__":
    main()
