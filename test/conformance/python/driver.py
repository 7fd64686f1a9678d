"""Driver of the Python client, see ../driver-protocol.ts."""

import base64
import itertools
import json
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from rocketmq import (
    ClientConfiguration,
    ConsumeResult,
    Credentials,
    FilterExpression,
    Message,
    MessageListener,
    Producer,
    PushConsumer,
    SimpleConsumer,
)

# The library logs to a file in the home directory unless told otherwise.
library_log = logging.getLogger("rocketmq-python-client")
library_log.handlers = [logging.StreamHandler(sys.stderr)]
library_log.setLevel(logging.WARNING)

TLS = os.environ.get("ORBITMQ_CONFORMANCE_TLS") == "1"

numbers = itertools.count(1)
clients = {}
received = {}
deliveries = {}
output_lock = threading.Lock()
# The suite has at most 64 sends in flight and a few long polls.
workers = ThreadPoolExecutor(max_workers=96)


def next_name(kind):
    return f"{kind}-{next(numbers)}"


def configuration(args):
    return ClientConfiguration(args["endpoint"], Credentials())


def keep(client, kind):
    client.startup()
    handle = next_name(kind)
    clients[handle] = client
    return {"handle": handle}


def describe(message, ref):
    return {
        "ref": ref,
        "messageId": message.message_id,
        "topic": message.topic,
        "body": base64.b64encode(message.body).decode(),
        "tag": message.tag,
        "keys": sorted(message.keys),
        "properties": dict(message.properties),
        "attempt": message.delivery_attempt or 0,
        "bornHost": message.born_host,
        "bornTimestampMs": message.born_timestamp,
        "receiptHandle": message.receipt_handle,
    }


def start_producer(args):
    return keep(
        Producer(configuration(args), topics=[args["topic"]], tls_enable=TLS),
        "producer",
    )


def send(args):
    given = args["message"]
    message = Message()
    message.topic = given["topic"]
    message.body = base64.b64decode(given["body"])
    if given.get("tag") is not None:
        message.tag = given["tag"]
    for key in given.get("keys", []):
        message.keys = key  # the setter adds
    for name, value in given.get("properties", {}).items():
        message.add_property(name, value)
    return {"messageId": clients[args["handle"]].send(message).message_id}


def start_simple_consumer(args):
    consumer = SimpleConsumer(
        configuration(args),
        args["group"],
        {args["topic"]: FilterExpression(args["filter"])},
        await_duration=args["awaitMs"] // 1000,
        tls_enable=TLS,
    )
    return keep(consumer, "simple")


def receive(args):
    consumer = clients[args["handle"]]
    messages = []
    for message in consumer.receive(args["max"], args["invisibleMs"] // 1000):
        ref = next_name("message")
        received[ref] = (consumer, message)
        messages.append(describe(message, ref))
    return {"messages": messages}


def ack(args):
    consumer, message = received[args["ref"]]
    own = message.receipt_handle
    message.receipt_handle = args.get("receiptHandle", own)
    try:
        consumer.ack(message)
    finally:
        message.receipt_handle = own
    return {}


def change_invisible(args):
    consumer, message = received[args["ref"]]
    consumer.change_invisible_duration(message, args["invisibleMs"] // 1000)
    return {}


class Listener(MessageListener):
    def __init__(self, fail_first, seen):
        self.fail_first = fail_first
        self.seen = seen

    def consume(self, message):
        self.seen.append(describe(message, ""))
        failed = (message.delivery_attempt or 0) <= self.fail_first
        return ConsumeResult.FAILURE if failed else ConsumeResult.SUCCESS


def start_push_consumer(args):
    seen = []
    consumer = PushConsumer(
        configuration(args),
        args["group"],
        Listener(args["failFirst"], seen),
        {args["topic"]: FilterExpression(args["filter"])},
        tls_enable=TLS,
    )
    started = keep(consumer, "push")
    deliveries[started["handle"]] = seen
    return started


def stop(args):
    clients.pop(args["handle"]).shutdown()
    return {}


OPERATIONS = {
    "hello": lambda args: {"client": "rocketmq-python-client"},
    "startProducer": start_producer,
    "send": send,
    "startSimpleConsumer": start_simple_consumer,
    "receive": receive,
    "ack": ack,
    "changeInvisible": change_invisible,
    "startPushConsumer": start_push_consumer,
    "delivered": lambda args: {"messages": deliveries[args["handle"]][args["from"] :]},
    "stop": stop,
}


def answer(line):
    request = json.loads(line)
    try:
        response = {"result": OPERATIONS[request["op"]](request["args"])}
    except Exception as error:  # every failure of the library is an answer
        code = getattr(error, "code", None)
        response = {"error": {"message": repr(error), "code": int(code) if code else None}}
    # "id" first: so the reader tells a response from what a library prints
    text = json.dumps({"id": request["id"], **response})
    with output_lock:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


for request_line in sys.stdin:
    workers.submit(answer, request_line)
# Clients that are still open have threads of their own: leave without waiting for them.
os._exit(0)
