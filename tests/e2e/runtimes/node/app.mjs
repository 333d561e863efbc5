// A function on the official Node.js client: what it does is in the event, how it answers in the handler name.

export async function handler(event, context) {
  switch (event?.do) {
    case "fail":
      throw new RangeError("no luck");
    case "sleep":
      return await new Promise((done) => setTimeout(done, 600_000));
    case "context":
      return told(context);
  }
  return event;
}

function told(context) {
  return {
    request_id: context.awsRequestId,
    remaining_ms: context.getRemainingTimeInMillis(),
    arn: context.invokedFunctionArn,
    trace: process.env._X_AMZN_TRACE_ID,
    client: context.clientContext?.custom ?? context.clientContext?.Custom,
    name: context.functionName,
    version: context.functionVersion,
    memory: Number(context.memoryLimitInMB),
    log_group: context.logGroupName,
    log_stream: context.logStreamName,
    pid: process.pid,
  };
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

export const stream = globalThis.awslambda.streamifyResponse(async (event, answer) => {
  const prelude = { statusCode: 201, headers: { "content-type": "application/octet-stream" }, cookies: ["flavor=plain"] };
  answer = globalThis.awslambda.HttpResponseStream.from(answer, prelude);
  for (let chunk = 0; chunk < (event.chunks ?? 3); chunk += 1) answer.write(everyByte);
  if (event.do === "fail") throw new RangeError("the stream broke");
  answer.end();
});
