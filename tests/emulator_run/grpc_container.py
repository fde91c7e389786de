"""A gRPC container for the tests: it answers once, in a stream, both ways at once, and with an error."""

# ruff: noqa: T201 - a program of its own, whose output is its log

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-done", "yes"),))
    return request.upper()


def stream(request, _):
    for number in range(int(request)):
        yield b"%d" % number


def chat(requests, _):
    for request in requests:
        yield request.upper()


def fail(_, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "nobody is here")


def forever(_, context):
    context.add_callback(lambda: print("gone", flush=True))
    yield b"begun"
    while context.is_active():
        time.sleep(0.02)


def metadata(_, context):
    return json.dumps({each.key: str(each.value) for each in context.invocation_metadata()}).encode()


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Stream": grpc.unary_stream_rpc_method_handler(stream),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Forever": grpc.unary_stream_rpc_method_handler(forever),
    "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
}
HEALTH = {"Check": grpc.unary_unary_rpc_method_handler(lambda *_: b"\x08\x01")}

server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("echo.Echo", METHODS)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", HEALTH)])
server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
server.start()
print("ready", flush=True)
server.wait_for_termination()
