"""OpenAI's API, as far as clients of language models use it, and what an operator asks an engine.

Source: https://platform.openai.com/docs/api-reference/chat and /completions; vLLM's server for what goes beyond.
"""

import itertools
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from .engine import Engine, Job, job
from .settings import Settings
from .wire import Answer, Request, as_json

COMPLETION_TOKENS = 16
"""Where a completion says no limit, as OpenAI's API has it."""
OPEN = ("/", "/health", "/ping", "/metrics", "/version")
"""What is answered without a key."""


class RefusedError(Exception):
    """A request that cannot be answered."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Api:
    """Answers requests."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._numbers = itertools.count(1)
        self._started = int(time.time())

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            self._check_key(request)
            if request.path in ("/v1/chat/completions", "/v1/completions"):
                return await self._complete(request, chat="chat" in request.path)
            return await self._look(request)
        except RefusedError as error:
            described = {"message": str(error), "type": error.kind, "param": None, "code": error.status}
            return as_json({"error": described}, error.status)

    def _check_key(self, request: Request) -> None:
        wanted = f"Bearer {self._settings.api_key}"
        if self._settings.api_key and request.path not in OPEN and request.headers.get("authorization") != wanted:
            raise RefusedError(401, "Unauthorized", "Unauthorized")

    async def _look(self, request: Request) -> Answer:
        path = request.path
        if path in ("/health", "/ping"):
            await self._engine.healthy()
            return Answer()
        if path == "/metrics":
            return Answer(200, self._engine.metrics.text().encode(), "text/plain; version=0.0.4; charset=utf-8")
        if path == "/v1/models":
            return as_json({"object": "list", "data": [self._model(name) for name in self._settings.models]})
        if path.startswith("/v1/models/"):
            return as_json(self._model(self._known(path.removeprefix("/v1/models/"))))
        if path == "/version":
            return as_json({"version": "openai-echo"})
        if path == "/":
            return Answer(200, b"openai-echo is running", "text/plain")
        raise RefusedError(404, "NotFoundError", "Not Found")

    def _model(self, name: str) -> dict[str, Any]:
        more = {"max_model_len": self._settings.most_tokens, "root": name}
        return {"id": name, "object": "model", "created": self._started, "owned_by": "openai-echo", **more}

    def _known(self, name: Any) -> str:
        if name not in self._settings.models:
            raise RefusedError(404, "NotFoundError", f"The model `{name}` does not exist.")
        return str(name)

    async def _complete(self, request: Request, *, chat: bool) -> Answer:
        if request.method != "POST":
            raise RefusedError(405, "MethodNotAllowed", "Method Not Allowed")
        said = parsed(request.body)
        name = self._known(said.get("model", self._settings.models[0]))
        made = self._job(said, chat=chat)
        number = f"{'chatcmpl' if chat else 'cmpl'}-{next(self._numbers)}"
        head = {"id": number, "created": int(time.time()), "model": name}
        if said.get("stream"):
            options = said.get("stream_options") or {}
            if not isinstance(options, dict):
                raise RefusedError(400, "BadRequestError", "stream_options must be an object.")
            usage = bool(options.get("include_usage"))
            return Answer(
                200, b"", "text/event-stream; charset=utf-8", self._events(head, made, chat=chat, usage=usage)
            )
        async with aclosing(self._engine.tokens(made)) as tokens:
            text = "".join([token async for token in tokens])
        content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        choice = {"index": 0, "finish_reason": made.reason, "logprobs": None, **content}
        kind = "chat.completion" if chat else "text_completion"
        return as_json({**head, "object": kind, "choices": [choice], "usage": usage_of(made)})

    def _job(self, said: dict[str, Any], *, chat: bool) -> Job:
        if said.get("n", 1) != 1:
            raise RefusedError(400, "BadRequestError", "openai-echo gives one answer: n must be 1.")
        prompt, asked = asked_in_chat(said) if chat else asked_plainly(said)
        most = said.get("max_completion_tokens") or said.get("max_tokens") or (None if chat else COMPLETION_TOKENS)
        if most is not None and (not isinstance(most, int) or most < 1):
            raise RefusedError(400, "BadRequestError", f"max_tokens must be at least 1, got {most}.")
        whole = len(prompt.split()) + (most or len(asked.split()))
        if whole > self._settings.most_tokens:  # before anything of that length is made
            most_tokens = self._settings.most_tokens
            text = f"This model's maximum context length is {most_tokens} tokens. However, you requested {whole}."
            raise RefusedError(400, "BadRequestError", text)
        return job(prompt, asked, most, endless=bool(said.get("ignore_eos")))

    async def _events(self, head: dict[str, Any], made: Job, *, chat: bool, usage: bool) -> AsyncGenerator[str]:
        """The parts of a streamed answer, and its end."""
        kind = "chat.completion.chunk" if chat else "text_completion"
        head = {**head, "object": kind}

        def part(content: dict[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "finish_reason": reason, "logprobs": None, **content}
            return json.dumps({**head, "choices": [choice], **({"usage": None} if usage else {})})

        if chat:
            yield part({"delta": {"role": "assistant", "content": ""}})
        async with aclosing(self._engine.tokens(made)) as tokens:
            async for token in tokens:
                yield part({"delta": {"content": token}} if chat else {"text": token})
        yield part({"delta": {}} if chat else {"text": ""}, made.reason)
        if usage:
            yield json.dumps({**head, "choices": [], "usage": usage_of(made)})
        yield "[DONE]"


def usage_of(made: Job) -> dict[str, int]:
    """What an answer took."""
    count = len(made.tokens)
    return {
        "prompt_tokens": made.prompt_tokens,
        "completion_tokens": count,
        "total_tokens": made.prompt_tokens + count,
    }


def parsed(body: bytes) -> dict[str, Any]:
    """The body as an object.

    Raises:
        RefusedError: It is none.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise RefusedError(400, "BadRequestError", "The body must be a JSON object.")
    return said


def asked_in_chat(said: dict[str, Any]) -> tuple[str, str]:
    """The text of all messages, and of the last."""
    messages = said.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise RefusedError(400, "BadRequestError", "messages must be a list of at least one message.")
    texts = [text_of(each.get("content")) for each in messages]
    return "\n".join(texts), texts[-1]


def asked_plainly(said: dict[str, Any]) -> tuple[str, str]:
    """The prompt, twice: it is all that is asked."""
    prompt = said.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise RefusedError(400, "BadRequestError", "prompt must be one text.")
    return prompt, prompt


def text_of(content: Any) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")
