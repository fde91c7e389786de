"""JSON as Google's servers read it: what no protocol buffer can carry is no JSON to them either."""

import json
from typing import Any


def read_json(text: bytes | str) -> Any:
    r"""What a JSON text says.

    Raises:
        ValueError: It is none, is nested too deep, or holds half of a surrogate pair (`\ud800` alone), which UTF-8 has
            not. Kept, it could not be shown, nor any list that it is in.

    Source:
        Texts of protocol buffers are UTF-8: https://protobuf.dev/programming-guides/proto3/#scalar.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    told = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    if b"\\ud" in told.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found
