"""Google's hello container, as far as tests need it: answers JSON that says who answered, and what it was given.

Query: `env=NAME` and `file=PATH` (may repeat) show an environment variable and a file; `sleep_s=` delays the answer,
`status=` sets its code, `exit=` ends the process with that code, `stream_s=` makes the answer a stream of lines that
lasts so long and ends with `end`. Environment: `HELLO_EXIT` ends it before it listens, `HELLO_STATUS` is the code of
every answer that asks for none, `HELLO_SLEEP_S` delays those that ask for no delay, `HELLO_START_DELAY_S` makes it slow
to start. Only what starts fast is imported: no http.server, no site packages; what only an answer needs, at the first.
"""

import os
import signal
import socket
import sys
import time
from _thread import start_new_thread  # `threading` takes as long to import as the interpreter to start

REASONS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
MOST_BYTES = 1 << 16
LINE_S = 0.1


def unquote(text: str) -> str:
    """Decode a query word."""
    first, *rest = text.replace("+", " ").split("%")
    return bytes(first, "utf-8").decode() + "".join(chr(int(each[:2], 16)) + each[2:] for each in rest)


def parse(target: str) -> tuple[str, dict[str, list[str]]]:
    """Path and query of a request target."""
    path, _, query = target.partition("?")
    words: dict[str, list[str]] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        words.setdefault(unquote(key), []).append(unquote(value))
    return path, words


def read_request(connection: socket.socket) -> "tuple[str, str, dict[str, str], bytes] | None":
    """Method, target, headers and length of the body of one request; None when the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(MOST_BYTES)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    method, target, *_ = first.split(" ")
    return method, target, headers, read_body(connection, headers, body)


def read_body(connection: socket.socket, headers: dict[str, str], body: bytes) -> bytes:
    """Read the rest of the body, so that closing the connection does not cut the client off."""
    chunked = "chunked" in headers.get("transfer-encoding", "")
    wanted = int(headers.get("content-length", 0))
    while (chunked and not body.endswith(b"0\r\n\r\n")) or (not chunked and len(body) < wanted):
        chunk = connection.recv(MOST_BYTES)
        if not chunk:
            break
        body += chunk
    return body


def file_text(path: str) -> str:
    """Content of a file, or why it cannot be read."""
    try:
        with open(path) as file:  # noqa: PTH123 - pathlib takes longer to import than all the rest
            return file.read()
    except OSError as error:
        return f"error: {error.strerror}"


def answer(method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """Status and JSON of the answer."""
    import json  # noqa: PLC0415 - most of what is started is never asked

    path, words = parse(target)
    time.sleep(float(words.get("sleep_s", [os.environ.get("HELLO_SLEEP_S", "0")])[0]))
    if "exit" in words:
        os._exit(int(words["exit"][0]))
    found = {
        "service": os.environ.get("K_SERVICE", ""),
        "revision": os.environ.get("K_REVISION", ""),
        "configuration": os.environ.get("K_CONFIGURATION", ""),
        "pid": os.getpid(),
        "method": method,
        "path": path,
        "headers": headers,
        "body_bytes": len(body),
        "env": {name: os.environ.get(name) for name in words.get("env", [])},
        "files": {name: file_text(name) for name in words.get("file", [])},
    }
    return int(words.get("status", [os.environ.get("HELLO_STATUS", "200")])[0]), json.dumps(found).encode()


def stream(connection: socket.socket, lasts_s: float) -> None:
    """Answer with a line every now and then, the first at once, in chunks."""
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    connection.sendall(head.encode())
    until = time.monotonic() + lasts_s
    while True:
        ended = time.monotonic() >= until
        line = "end\n" if ended else f"{os.environ.get('K_REVISION', '')}\n"
        connection.sendall(f"{len(line):x}\r\n{line}\r\n".encode())
        if ended:
            connection.sendall(b"0\r\n\r\n")
            return
        time.sleep(min(LINE_S, max(0.0, until - time.monotonic())))


def talk(connection: socket.socket) -> None:
    """Answer one request and close."""
    with connection:
        request = read_request(connection)
        if request is None:
            return
        if "stream_s" in (words := parse(request[1])[1]):
            stream(connection, float(words["stream_s"][0]))
            return
        status, body = answer(*request)
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        connection.sendall(head.encode() + (b"" if request[0] == "HEAD" else body))


def main() -> None:
    """Listen on PORT until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if "HELLO_EXIT" in os.environ:
        sys.exit(int(os.environ["HELLO_EXIT"]))
    time.sleep(float(os.environ.get("HELLO_START_DELAY_S", "0")))
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    with socket.create_server(address, backlog=128) as listener:
        sys.stdout.write(f"hello: listening on {listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            start_new_thread(talk, (connection,))


if __name__ == "__main__":
    main()
