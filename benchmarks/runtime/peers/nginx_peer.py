"""nginx, which answers a constant: HTTP over a socket and nothing else. PROGRAM, ANSWER, PORT."""

import os
from pathlib import Path

# As many requests of a connection as there are: nginx closes one after a thousand.
CONFIGURATION = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/{port}.pid;
error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        default_type application/json;
        location / {{ return 200 '{answer}'; }}
    }}
}}
"""

if __name__ == "__main__":
    program, port = Path(os.environ["PROGRAM"]), os.environ["PORT"]
    folder = program.parents[2] / "run"
    folder.mkdir(exist_ok=True)
    file = folder / f"{port}.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, answer=os.environ["ANSWER"]))
    os.execv(program, [str(program), "-p", str(folder), "-c", str(file)])  # noqa: S606 - what was unpacked beside us
