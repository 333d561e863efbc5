"""Environments that run several invocations at once, as on managed instances."""

from concurrent.futures import ThreadPoolExecutor

from support import *

MEETING = """
import os, time
def handler(event, context):
    own = "/tmp/%s" % event["name"]
    open(own, "w").close()
    deadline = time.time() + 8
    while time.time() < deadline and not all(os.path.exists("/tmp/%s" % name) for name in event["all"]):
        time.sleep(0.01)
    seen = sorted(name for name in os.listdir("/tmp") if name in event["all"])
    return {"seen": seen, "trace": os.environ.get("_X_AMZN_TRACE_ID"), "stream": context.log_stream_name}
"""

MEETING_NODE = """
const waiting = [];
export const handler = async (event, context) => {
  console.log('came', event.name);
  waiting.push(event.name);
  const deadline = Date.now() + 8000;
  while (Date.now() < deadline && waiting.length < event.all.length) await new Promise((r) => setTimeout(r, 10));
  console.log('went', event.name);
  return { seen: [...waiting].sort(), max: process.env.AWS_LAMBDA_MAX_CONCURRENCY,
           type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE, id: context.awsRequestId };
};
"""


def provider():
    """Creates a capacity provider and returns its ARN."""
    created = client.create_capacity_provider(
        CapacityProviderName=unique("cp"),
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": ROLE},
    )
    return created["CapacityProvider"]["CapacityProviderArn"]


def on_provider(concurrency=None, arn=None):
    config = {"CapacityProviderArn": arn or provider()}
    if concurrency:
        config["PerExecutionEnvironmentMaxConcurrency"] = concurrency
    return {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": config}}


def together(name, events):
    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(lambda event: invoke(name, event), events))


@scenario
def the_capacity_provider_is_shown_with_its_defaults():
    arn = provider()
    name = create("def handler(e, c): return 1", **on_provider(arn=arn))

    shown = client.get_function_configuration(FunctionName=name)["CapacityProviderConfig"]
    versions = client.list_function_versions_by_capacity_provider(CapacityProviderName=arn.rsplit(":", 1)[1])

    expected = {
        "CapacityProviderArn": arn,
        "PerExecutionEnvironmentMaxConcurrency": 16,
        "ExecutionEnvironmentMemoryGiBPerVCpu": 2.0,
    }
    equal(shown, {"LambdaManagedInstancesCapacityProviderConfig": expected})
    equal([one["State"] for one in versions["FunctionVersions"]], ["Active"])


@scenario
def python_handlers_meet_in_one_environment_and_share_no_memory():
    name = create(MEETING, Timeout=10, MemorySize=512, **on_provider(3))
    names = ["a", "b", "c"]

    answers = together(name, [{"name": one, "all": names} for one in names])

    equal([answer.error for answer in answers], [None] * 3)
    equal([answer.json["seen"] for answer in answers], [names] * 3)
    equal(len({answer.json["trace"] for answer in answers}), 3)
    equal(len({answer.json["stream"] for answer in answers}), 1)


@scenario
def node_handlers_share_a_process_and_their_lines_are_told_apart():
    name = create_node(MEETING_NODE, Timeout=10, **on_provider(3))
    names = ["a", "b", "c"]

    answers = together(name, [{"name": one, "all": names} for one in names])

    equal([answer.json["seen"] for answer in answers], [names] * 3)
    equal({(answer.json["max"], answer.json["type"]) for answer in answers}, {("3", "lambda-managed-instances")})
    ids = sorted(answer.json["id"] for answer in answers)
    for word in ("came", "went"):
        written = lambda: sorted(line.split("\t")[1] for line in messages(f"/aws/lambda/{name}") if f"\t{word} " in line)
        until(lambda: written() == ids, f"{word} three times, each with its own id")


@scenario
def one_that_is_cut_off_leaves_the_others_alone():
    source = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return [e, c.log_stream_name]\n"
    name = create(source, Timeout=2, MemorySize=512, **on_provider(2))
    stream = invoke(name, 0).json[1]

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(invoke, name, 30)
        time.sleep(1.2)
        short = pool.submit(invoke, name, 1.5)

    equal((short.result().error, short.result().json), (None, [1.5, stream]))
    matches(r"Task timed out after 2\.00 seconds", long.result().json["errorMessage"])
    equal(invoke(name, 0).json, [0, stream])


@scenario
def a_process_that_ends_takes_all_invocations_of_its_environment_with_it():
    source = (
        "import os, time\ndef handler(e, c):\n"
        "    time.sleep(0.5)\n    if e == 'die':\n        os._exit(3)\n    time.sleep(5)\n    return e\n"
    )
    name = create(source, Timeout=10, MemorySize=512, **on_provider(2))

    answers = together(name, ["die", "live"])

    for answer in answers:
        equal((answer.error, answer.json["errorType"]), ("Unhandled", "Runtime.ExitError"))
        matches(r"exit status 3", answer.json["errorMessage"])


@scenario
def concurrency_counts_invocations_and_not_environments():
    name = create("import time\ndef handler(e, c):\n    time.sleep(2)\n", Timeout=10, MemorySize=512, **on_provider(8))
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)

    def outcome(_):
        try:
            return invoke(name, {}).status
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(3) as pool:
        outcomes = sorted(map(str, pool.map(outcome, range(3))))

    equal(outcomes, ["200", "200", "TooManyRequestsException"])


main()
