"""The limit of ASGI: no framework, no validation, no metrics, the model called on the loop. KIND; FILE; PORT."""

import os
from typing import Any

import msgspec
import numpy as np
import uvicorn
from loading import loaded  # beside this file

predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer any path."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    rows = np.array(msgspec.json.decode(body)["instances"], dtype=np.float32) if body else np.zeros((1, 30), np.float32)
    answer = msgspec.json.encode({"predictions": predict_rows(rows).tolist()})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", lifespan="off")
