"""The limits of concurrency and of requests per second, as a client sees them."""

from support import *

QUICK = "def handler(e, c):\n    return c.function_version\n"


def throttled(name, reason, **more):
    """Fails unless the invocation is refused, at once and with this reason."""
    answer = refused(
        client.invoke, "TooManyRequestsException", "Rate Exceeded.", 429, FunctionName=name, Payload=b"{}", **more
    )
    equal(answer["Reason"], reason)
    equal(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"], "1")


def reserve(name, reserved):
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


@scenario
def a_reservation_of_zero_stops_a_function():
    name = create(QUICK)
    reserve(name, 0)
    throttled(name, "ReservedFunctionConcurrentInvocationLimitExceeded")

    client.delete_function_concurrency(FunctionName=name)

    equal(invoke(name).json, "$LATEST")


@scenario
def a_reservation_of_one_allows_ten_requests_a_second():
    name = create(QUICK)
    invoke(name)
    reserve(name, 1)
    served = 0

    while served < 1_000:
        try:
            client.invoke(FunctionName=name, Payload=b"{}")
            served += 1
        except ClientError as error:
            equal(error.response["Error"]["Code"], "TooManyRequestsException")
            equal(error.response["Reason"], "ReservedFunctionInvocationRateLimitExceeded")
            break

    assert 10 <= served < 1_000, served


@scenario
def what_is_provisioned_for_a_version_is_missing_for_all_others():
    name = create(QUICK)
    client.publish_version(FunctionName=name)
    reserve(name, 2)
    client.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2)
    while True:
        config = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
        assert config["Status"] != "FAILED", config
        if config["Status"] == "READY":
            break

    throttled(name, "ReservedFunctionConcurrentInvocationLimitExceeded")
    equal(invoke(name, Qualifier="1").json, "1")
    assert "Init Duration" not in invoke(name, Qualifier="1").report


@scenario
def a_function_sees_the_qualifier_it_was_invoked_by():
    name = create("def handler(e, c):\n    return c.invoked_function_arn\n")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    equal(invoke(name).json, arn(name))
    for qualifier in ("$LATEST", "1", "live"):
        equal(invoke(name, Qualifier=qualifier).json, f"{arn(name)}:{qualifier}")


main()
