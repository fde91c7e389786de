"""How large an instance is to be: CPU and memory, of sizes that Cloud Run has, and whether it needs its GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from reconciler.cost.accelerators import exists
from reconciler.cost.advice.measured import ALL, NINETY_FIVE, NINETY_NINE, Measured, minutes, too_little
from reconciler.cost.advice.piece import CPU, GPU, MEMORY, Edit, Kept, Piece
from reconciler.cost.advice.state import CENT, State, Step, percent
from reconciler.cost.amounts import Amounts, cents
from reconciler.cost.shape import Instances
from schemas.units import cpu_text, memory_text

CPUS = (1000, 2000, 4000, 6000, 8000)
MEMORIES = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768)
"""MiB. Cloud Run has every number of them: these are those that are advised.

Source:
    https://cloud.google.com/run/docs/configuring/execution-environments: the second generation needs 512 MiB.
"""
ROOM = Decimal("1.25")
"""Memory beyond the most that was measured. Whose memory is full is ended, with every request that it has."""
TIGHT = Decimal("0.95")
"""More of the memory than this is taken for too much: what was measured a minute apart misses what was between."""
BUSY = Decimal("0.6")
"""Share of the CPU that may be used.

Source:
    https://cloud.google.com/run/docs/about-instance-autoscaling: above 60 % of the CPU instances are added.
"""
IDLE_GPU = Decimal("0.01")
REQUESTS = 100
"""Requests that were answered, at least, before a GPU on which nothing was computed is called idle."""
FAILS = Decimal("0.01")
"""More requests than this that failed say that something is wrong: what is too small already is not made smaller."""


def gpu(state: State) -> Step:
    """Judge whether the GPU is needed: not where nothing was computed on it, all the time."""
    instances, measured = state.instances, state.measured
    if not instances.gpu:
        return None
    if why := next(filter(None, _gpu_stays(state)), ""):
        return Kept("gpu", why)
    then = _without(instances)
    if then is None or not _fits(measured, instances, then):
        return Kept("gpu", "no instance without a GPU is as large as what is used of this one")
    # Billed by request, or by instance as before: that depends on whose image it is. What saves less is counted on.
    saving, then = _priced(state, [replace(then, always=always) for always in (False, True)])[0]
    after = state.with_(then)
    unpriced = state.unpriced(after)
    if saving is None or (saving.expected < CENT and not unpriced):
        return Kept("gpu", _no_saving(saving))
    evidence = (
        f"GPU: nothing computed on it in {minutes(measured.gpu)}",
        f"requests: {measured.use.per_second.normalize():f} a second answered meanwhile",
        *(("price: that of its GPU is not known here, so it saves more than is said",) if unpriced else ()),
    )
    risk = "a program that finds no GPU may refuse to start: the new revision gets no request until it is ready"
    return Piece("gpu", (Edit(GPU, instances.gpu, None), *_edits(instances, then)), evidence, saving, risk), after


def _gpu_stays(state: State) -> Iterator[str]:
    measured = state.measured
    yield measured.apart
    yield too_little(GPU=measured.gpu, CPU=measured.cpu, memory=measured.memory)
    peak = measured.gpu_in(ALL)
    if measured.gpu and measured.gpu.mean and peak > IDLE_GPU:
        yield f"something is computed on it: up to {percent(peak)} of a minute"
    yield failing(measured)
    asked = state.usage.requests_per_second * measured.use.span_s
    if asked < REQUESTS:
        yield f"{int(asked)} requests were answered, of {REQUESTS} that are needed to say whether they need it"


def size(state: State) -> Step:
    """Judge CPU and memory."""
    instances, measured = state.instances, state.measured
    if why := measured.apart or too_little(CPU=measured.cpu, memory=measured.memory):
        return Kept("size", why)
    if measured.memory_in(ALL) > TIGHT:
        return _larger(state)
    if why := failing(measured):
        return Kept("size", why)
    smaller = _smaller(instances, _needed_mib(measured, instances))
    fitting = [each for each in smaller if _fits(measured, instances, each)]
    if not fitting:
        return Kept("size", f"all of it is needed: {', '.join(_evidence(measured, instances))}")
    saving, then = _priced(state, fitting)[-1]
    if saving is None or saving.expected < CENT:
        return Kept("size", _no_saving(saving))
    risk = "memory that is needed for less than a minute may not have been measured"
    if then.cpu_millis < instances.cpu_millis:
        risk += "; a request that uses several CPUs takes longer on fewer, and so does a start"
    piece = Piece("size", _edits(instances, then), _evidence(measured, instances), saving, risk)
    return piece, state.with_(then)


def failing(measured: Measured) -> str:
    """Say that too many requests failed for anything to be made smaller; empty where they did not."""
    return f"{percent(measured.failed)} of the requests failed: see to that first" if measured.failed > FAILS else ""


def _priced(state: State, sizes: Sequence[Instances]) -> Sequence[tuple[Amounts | None, Instances]]:
    """Give what each saves, what saves most last; one without a saving where none can be compared."""
    priced = [(saving, then) for then in sizes if (saving := state.saving(state.with_(then))) is not None]
    ordered = sorted(priced, key=lambda each: (each[0].expected, -each[1].cpu_millis, -each[1].memory_mib))
    return ordered or [(None, sizes[0])]


def _larger(state: State) -> Step:
    """Give more memory: what is full ends, and its requests fail."""
    instances, measured = state.instances, state.measured
    needed = _needed_mib(measured, instances)
    wanted = [
        replace(instances, cpu_millis=millis, memory_mib=mib)
        for millis in sorted({*CPUS, instances.cpu_millis})
        for mib in MEMORIES
        if millis >= instances.cpu_millis and mib >= needed
    ]
    then = next(filter(exists, wanted), None)
    full = f"memory: {percent(measured.memory_in(ALL))} of {memory_text(instances.memory_mib)} at the most"
    if then is None:
        return Kept("size", f"{full}, and Cloud Run has no larger instance")
    after = state.with_(then)
    risk = "it costs more; instances whose memory is full are ended with their requests"
    failed = (f"requests: {percent(measured.failed)} failed",) if measured.failed else ()
    saving = state.saving(after) or Amounts()
    return Piece("size", _edits(instances, then), (full, *failed), saving, risk, spends=True), after


def _smaller(instances: Instances, needed_mib: int) -> Iterator[Instances]:
    """Give instances that are smaller in something and larger in nothing: of each number of CPUs the least memory."""
    for millis in sorted({*CPUS, instances.cpu_millis}):
        if millis > instances.cpu_millis:
            return
        memories = sorted({each for each in MEMORIES if needed_mib <= each < instances.memory_mib})
        for mib in (*memories, instances.memory_mib):
            then = replace(instances, cpu_millis=millis, memory_mib=mib)
            if then != instances and exists(then):
                yield then
                break


def _fits(measured: Measured, before: Instances, then: Instances) -> bool:
    """Tell whether what was used leaves room in another size."""
    cpu = measured.cpu_in(NINETY_NINE) * before.cpu_millis
    roomy = then.memory_mib >= min(_needed_mib(measured, before), before.memory_mib)
    return roomy and (then.cpu_millis >= before.cpu_millis or cpu <= BUSY * then.cpu_millis)


def _needed_mib(measured: Measured, instances: Instances) -> int:
    """Give the least memory that is advised: the most that was measured, and a quarter."""
    wanted = measured.memory_in(ALL) * instances.memory_mib * ROOM
    return next((each for each in MEMORIES if each >= wanted), int(wanted) + 1)


def _without(instances: Instances) -> Instances | None:
    """Give the instance without its GPU: as large as it is, else as large as one can be."""
    same = replace(instances, gpu="", zonal=False)
    if exists(same):
        return same
    most = replace(same, cpu_millis=min(same.cpu_millis, CPUS[-1]), memory_mib=min(same.memory_mib, MEMORIES[-1]))
    return most if exists(most) else None


def _edits(before: Instances, then: Instances) -> tuple[Edit, ...]:
    found = []
    if before.cpu_millis != then.cpu_millis or before.gpu != then.gpu:
        found.append(Edit(CPU, cpu_text(before.cpu_millis), cpu_text(then.cpu_millis)))
    if before.memory_mib != then.memory_mib or before.gpu != then.gpu:
        found.append(Edit(MEMORY, memory_text(before.memory_mib), memory_text(then.memory_mib)))
    return tuple(found)


def _evidence(measured: Measured, instances: Instances) -> tuple[str, ...]:
    most = memory_text(int(measured.memory_in(ALL) * instances.memory_mib) + 1)
    memory = f"{percent(measured.memory_in(NINETY_NINE))} in 99 % of {minutes(measured.memory)}, {most} at the most"
    cpu = f"{percent(measured.cpu_in(NINETY_NINE))} in 99 % of {minutes(measured.cpu)}"
    part = f"{percent(measured.cpu_in(NINETY_FIVE))} in 95 %"
    return f"memory: {memory}", f"CPU: {cpu}, {part}, of {cpu_text(instances.cpu_millis)}"


def _no_saving(saving: Amounts | None) -> str:
    if saving is None:
        return "what it would cost cannot be compared"
    worst = f", {cents(saving.worst)} USD a month at the worst" if saving.worst >= CENT else ""
    return f"a smaller one would save nothing as it is used{worst}"
