"""What it counts, in Prometheus' text form, by the names that vLLM gives.

Source: https://docs.vllm.ai/en/latest/usage/metrics.html.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0)
BETWEEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
WHOLE = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0)


@dataclass
class Histogram:
    """Seconds, by upper bounds."""

    bounds: tuple[float, ...]
    counts: Counter[float] = field(default_factory=Counter)
    total: int = 0
    sum_s: float = 0.0

    def observe(self, value_s: float) -> None:
        """Count one value."""
        self.total += 1
        self.sum_s += value_s
        self.counts.update(bound for bound in self.bounds if value_s <= bound)


@dataclass
class Metrics:
    """Everything of one model."""

    model: str
    running: int = 0
    waiting: int = 0
    most_running: int = 1
    prompt_tokens: int = 0
    generation_tokens: int = 0
    finished: Counter[str] = field(default_factory=lambda: Counter(stop=0, length=0, abort=0))
    first_token: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN))
    between_tokens: Histogram = field(default_factory=lambda: Histogram(BETWEEN))
    whole: Histogram = field(default_factory=lambda: Histogram(WHOLE))

    def text(self) -> str:
        """All of it, as it is scraped."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        label = f'model_name="{self.model}"'
        for name, value in (
            ("num_requests_running", self.running),
            ("num_requests_waiting", self.waiting),
            ("kv_cache_usage_perc", round(self.running / self.most_running, 4)),
        ):
            yield from (f"# TYPE vllm:{name} gauge", f"vllm:{name}{{{label}}} {value}")
        for name, value in (
            ("prompt_tokens_total", self.prompt_tokens),
            ("generation_tokens_total", self.generation_tokens),
        ):
            yield from (f"# TYPE vllm:{name} counter", f"vllm:{name}{{{label}}} {value}")
        yield "# TYPE vllm:request_success_total counter"
        for reason, count in self.finished.items():
            yield f'vllm:request_success_total{{finished_reason="{reason}",{label}}} {count}'
        yield from histogram("vllm:time_to_first_token_seconds", label, self.first_token)
        yield from histogram("vllm:inter_token_latency_seconds", label, self.between_tokens)
        yield from histogram("vllm:e2e_request_latency_seconds", label, self.whole)


def histogram(name: str, label: str, found: Histogram) -> Iterator[str]:
    """A histogram's lines."""
    yield f"# TYPE {name} histogram"
    for bound in found.bounds:
        yield f'{name}_bucket{{le="{bound:g}",{label}}} {found.counts[bound]}'
    yield f'{name}_bucket{{le="+Inf",{label}}} {found.total}'
    yield f"{name}_count{{{label}}} {found.total}"
    yield f"{name}_sum{{{label}}} {found.sum_s:.6f}"
