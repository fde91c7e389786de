"""What the server is told: options of its own, and those of the servers that it stands in for."""

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PORT = 8000
EXECUTABLES = ("vllm", "ollama", "bash", "sh", "python", "python3", "serve")
"""Words of a command line that name no model."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it.

    Attributes:
        host: Address to listen on.
        port: Port to listen on.
        models: Names that are served.
        rate: Tokens a second of each answer; 0: at once.
        first_token_s: Seconds until the first token of an answer that is worked on.
        start_s: Seconds until it listens, as if it loaded weights.
        most_running: Answers that are worked on at once; more wait.
        most_tokens: Of prompt and answer together.
        api_key: Callers must bring it; empty: nobody must.
        grace_s: How long answers may go on when it is told to end; a second less than Cloud Run waits before it kills.
        blocking: While it works on an answer, `/health` waits: as an engine whose one thread is busy.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    models: tuple[str, ...] = ("openai-echo",)
    rate: float = 50.0
    first_token_s: float = 0.02
    start_s: float = 0.0
    most_running: int = 256
    most_tokens: int = 8192
    api_key: str = ""
    grace_s: float = 9.0
    blocking: bool = False


DEFAULT = Settings()


def read(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Read a command line: its own, vLLM's, Ollama's, or a shell's that has one of them in it.

    What it does not know is of no matter to made-up tokens, and ignored. `PORT`, which Cloud Run sets, counts more than
    an option; each option of its own can be given as a variable, too: `OPENAI_ECHO_RATE=20`.
    """
    own = argparse.ArgumentParser(prog="openai-echo", allow_abbrev=False)
    own.add_argument("model_tag", nargs="?", default="")
    own.add_argument("--model", "--model-id", default="")
    own.add_argument("--served-model-name", nargs="+", default=[])
    own.add_argument("--host", default=environment.get("HOST", "127.0.0.1"))
    own.add_argument("--port", type=int, default=ollama_port(environment))
    own.add_argument("--api-key", default=environment.get("VLLM_API_KEY", ""))
    own.add_argument("--max-model-len", type=size, default=DEFAULT.most_tokens)
    own.add_argument("--max-num-seqs", type=int, default=DEFAULT.most_running)
    own.add_argument("--rate", type=float, default=DEFAULT.rate, help="tokens a second of each answer; 0: at once")
    own.add_argument("--first-token-delay", type=float, default=DEFAULT.first_token_s, help="seconds")
    own.add_argument("--start-delay", type=float, default=0.0, help="seconds until it listens")
    own.add_argument("--grace", type=float, default=DEFAULT.grace_s, help="seconds for answers when it is to end")
    own.add_argument("--blocking", action="store_true", help="/health waits while an answer is worked on")
    own.set_defaults(**from_variables(environment))
    said, _ = own.parse_known_args(plain(words))
    served = tuple(said.served_model_name) or tuple(filter(None, [said.model or said.model_tag]))
    return Settings(
        host=said.host,
        port=int(environment.get("PORT") or said.port),
        models=served or DEFAULT.models,
        rate=said.rate,
        first_token_s=said.first_token_delay,
        start_s=said.start_delay,
        most_running=said.max_num_seqs,
        most_tokens=said.max_model_len,
        api_key=said.api_key,
        grace_s=said.grace,
        blocking=bool(said.blocking),
    )


def from_variables(environment: Mapping[str, str]) -> dict[str, object]:
    """Options of its own that stand in variables."""
    found: dict[str, object] = {}
    for name in ("rate", "first_token_delay", "start_delay"):
        if text := environment.get(f"OPENAI_ECHO_{name.upper()}"):
            found[name] = float(text)
    if environment.get("OPENAI_ECHO_BLOCKING"):
        found["blocking"] = True
    return found


def plain(words: Sequence[str]) -> list[str]:
    """A command line without the programs that it names; a shell's `-c` is taken apart."""
    found: list[str] = []
    for word in words:
        found += shlex.split(word) if " " in word else [word]
    return [word for word in found if word.rpartition("/")[2] not in EXECUTABLES and word not in ("-c", "exec", "-m")]


def ollama_port(environment: Mapping[str, str]) -> int:
    """The port that Ollama would listen on, where it is told one."""
    text = environment.get("OLLAMA_HOST", "").rpartition(":")[2]
    return int(text) if text.isdigit() else PORT


def size(text: str) -> int:
    """A number of tokens as vLLM takes it: `8192`, `8k`, `8K`."""
    units = {"k": 1000, "K": 1024, "m": 10**6, "M": 2**20}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1:] in units else int(text)
