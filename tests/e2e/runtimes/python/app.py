"""A function on the official Python client: what it does is in the event."""

import os
import time


def handler(event, context):
    match event.get("do") if isinstance(event, dict) else None:
        case "fail":
            raise ValueError("no luck")
        case "sleep":
            time.sleep(600)
        case "context":
            return told(context)
    return event


def told(context):
    return {
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "client": context.client_context and context.client_context.custom,
        "name": context.function_name,
        "version": context.function_version,
        "memory": int(context.memory_limit_in_mb),
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "pid": os.getpid(),
    }
