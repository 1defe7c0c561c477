"""A function for the Python runtimes: greets, by event and by HTTP trigger."""

import json
import os


def handler(event, context):
    """Answers {"name": "..."} with a greeting; an empty event greets the world."""
    data = json.loads(event) if event else {}
    if isinstance(data, dict) and "http" in data.get("requestContext", {}):
        return answer(data)
    return greeting(data.get("name"))


def answer(request):
    """An HTTP trigger hands over the request and takes the parts of an answer."""
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "body": greeting(request.get("queryParameters", {}).get("name")),
        "isBase64Encoded": False,
    }


def greeting(name):
    return "%s, %s!\n" % (os.environ.get("GREETING", "Hello"), name or "world")
