"""A small HTTP container for the tests: it shows its environment, waits, streams, echoes and dies on request."""

# ruff: noqa: T201, ARG002, N815 - a program of its own, whose output is its log

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

time.sleep(float(os.environ.get("START_S", "0")))
if os.environ.get("FAIL"):
    print("cannot start", flush=True)
    sys.exit(3)
if wanted := os.environ.get("WAIT_FOR"):
    while socket.socket().connect_ex(("127.0.0.1", int(wanted))):
        time.sleep(0.02)
if os.environ.get("CHILD"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"child {child.pid}", flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        getattr(self, "on_" + url.path.strip("/").replace("/", "_"), self.on_)(query)

    def do_POST(self):
        if self.headers.get("transfer-encoding"):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.reply(body)

    do_HEAD = do_GET

    def on_(self, query):
        self.reply({"revision": os.environ.get("K_REVISION"), "pid": os.getpid(), **query})

    def on_env(self, query):
        self.reply(dict(os.environ))

    def on_headers(self, query):
        self.reply({name.lower(): value for name, value in self.headers.items()})

    def on_slow(self, query):
        time.sleep(float(query["s"]))
        self.on_(query)

    def on_held(self, query):
        while not os.path.exists(query["until"]):  # noqa: PTH110 - pathlib takes longer to import than all of this
            time.sleep(0.02)
        self.on_(query)

    def on_files(self, query):
        """What lies below a folder, with its text; or why it cannot be looked at."""
        found = {}
        for here, _, names in os.walk(query["at"]):
            for name in names:
                with open(f"{here}/{name}") as file:  # noqa: PTH123 - pathlib takes longer to import than all of this
                    found[f"{here}/{name}"] = file.read()
        self.reply(found)

    def on_write(self, query):
        """Write a file, or remove one."""
        try:
            if "text" in query:
                os.makedirs(os.path.dirname(query["at"]), exist_ok=True)  # noqa: PTH103, PTH120 - as above
                with open(query["at"], "w") as file:  # noqa: PTH123 - as above
                    file.write(query["text"])
            else:
                os.remove(query["at"])  # noqa: PTH107 - as above
        except OSError as error:
            self.reply({"problem": error.strerror})
        else:
            self.reply({})

    def on_watched(self, query):
        """Answer nothing, or the first part of a stream, and say when the caller has gone."""
        print("watched", flush=True)
        if query.get("begun"):
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nbegun\n\r\n")
            self.wfile.flush()
        self.connection.settimeout(60)
        print("gone" if self.rfile.read(1) == b"" else "more", flush=True)
        self.close_connection = True

    def on_socket(self, query):
        """Take a WebSocket, and give every byte back; a frame of a client's comes back masked, so it is unmasked."""
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("connection", "Upgrade")
        self.send_header("upgrade", "websocket")
        self.send_header("x-seen-for", self.headers["x-forwarded-for"])
        self.send_header(
            "sec-websocket-accept", base64.b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
        )
        self.end_headers()
        self.wfile.flush()
        while frame := self.rfile.read(2):
            size = frame[1] & 127
            if size == 126:
                size = int.from_bytes(self.rfile.read(2), "big")
            mask, body = self.rfile.read(4), self.rfile.read(size)
            plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
            length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
            self.wfile.write(frame[:1] + length + plain)
            self.wfile.flush()
            if frame[0] & 15 == 8:  # the caller closes
                break
        print("gone", flush=True)
        self.close_connection = True

    def on_unless(self, query):
        if os.path.exists(query["file"]):  # noqa: PTH110 - as above
            self.send_error(503)
        else:
            self.on_(query)

    def on_missing(self, query):
        self.send_error(404)

    def on_crash(self, query):
        os.kill(os.getpid(), signal.SIGKILL)

    def on_stream(self, query):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number in range(int(query["n"])):
            data = b"%d\n" % number
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(float(query.get("s", "0")))
        self.wfile.write(b"0\r\n\r\n")

    def reply(self, value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *args):
        print(self.command, self.path, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


server = Server((os.environ["HOST"], int(os.environ["PORT"])), Handler)


def finish(*_):
    print("SIGTERM", flush=True)
    threading.Thread(target=server.shutdown).start()


if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, finish)
print("ready", flush=True)
server.serve_forever(poll_interval=0.05)
