"""The engine: tokens at their time, so many answers at once, and what became of each."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from .metrics import Metrics
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """One answer to be made.

    Attributes:
        prompt_tokens: How long the question is.
        tokens: What is answered.
        reason: Why it ends: `stop`, or `length` where it was to be longer.
    """

    prompt_tokens: int
    tokens: tuple[str, ...]
    reason: str


def job(prompt: str, asked: str, most: int | None, *, endless: bool = False) -> Job:
    """Decide what is answered: the words of what was asked, as often as they go into `most` where it is `endless`."""
    words = asked.split() or ["nothing"]
    if endless:
        words = (words * ((most or len(words)) // len(words) + 1))[: most or len(words)]
    cut = words if most is None else words[:most]
    tokens = tuple(word if index == 0 else f" {word}" for index, word in enumerate(cut))
    return Job(len(prompt.split()), tokens, "length" if len(cut) < len(words) or endless else "stop")


class Engine:
    """Works on jobs."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics(settings.models[0], most_running=settings.most_running)
        self._settings = settings
        self._places = asyncio.Semaphore(settings.most_running)
        self._idle = asyncio.Event()
        self._idle.set()

    async def healthy(self) -> None:
        """Return when it would say that it is well."""
        if self._settings.blocking:
            await self._idle.wait()

    async def done(self) -> None:
        """Return when no answer is worked on."""
        await self._idle.wait()

    async def tokens(self, job: Job) -> AsyncGenerator[str]:
        """Give the tokens of an answer, each at its time. Who stops to ask has gone away: the answer is aborted."""
        clock = asyncio.get_running_loop().time
        asked_s = clock()
        self.metrics.waiting += 1
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            self.metrics.finished["abort"] += 1
            raise
        finally:
            self.metrics.waiting -= 1
        reason = "abort"
        self._enter(job)
        try:
            last_s = begun_s = clock()
            for index, token in enumerate(job.tokens):
                due_s = begun_s + self._settings.first_token_s
                due_s += index / self._settings.rate if self._settings.rate else 0.0
                await asyncio.sleep(max(0.0, due_s - clock()))
                self._count(index, clock() - (last_s if index else asked_s))
                last_s = clock()
                yield token
            reason = job.reason
        finally:
            self._leave(reason, clock() - asked_s)

    def _count(self, index: int, taken_s: float) -> None:
        self.metrics.generation_tokens += 1
        (self.metrics.between_tokens if index else self.metrics.first_token).observe(taken_s)

    def _enter(self, job: Job) -> None:
        self.metrics.running += 1
        self.metrics.prompt_tokens += job.prompt_tokens
        self._idle.clear()

    def _leave(self, reason: str, taken_s: float) -> None:
        self._places.release()
        self.metrics.running -= 1
        self.metrics.finished[reason] += 1
        self.metrics.whole.observe(taken_s)
        if not self.metrics.running:
            self._idle.set()
