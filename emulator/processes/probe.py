"""Startup, liveness and readiness checks, with Cloud Run's semantics in real time.

Source: `google.cloud.run.v2.Probe`; https://cloud.google.com/run/docs/configuring/healthchecks. One deliberate
difference: Cloud Run tries once per period; here a startup probe is tried far more often within the same total time,
so a container that is up in 30 ms serves after 30 ms, and one that is not fails when it would fail in Google Cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.processes.model import Probe

FIRST_PAUSE_S = 0.01
MAX_PAUSE_S = 0.25
GOOD_STATUS = range(200, 400)


async def passes_startup(probe: Probe, port: int) -> bool:
    """Wait until the probe passes; False when its whole time is over.

    The whole time is `initialDelaySeconds` + `failureThreshold` x `periodSeconds`.
    """
    await asyncio.sleep(probe.initial_delay_s)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + probe.failure_threshold * probe.period_s
    pause = FIRST_PAUSE_S
    while (left := deadline - loop.time()) > 0:
        if await passes(probe, port, timeout_s=min(probe.timeout_s, left)):
            return True
        await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
        pause = min(pause * 1.5, MAX_PAUSE_S)
    return False


async def recovers(probe: Probe, port: int) -> None:
    """Return when a check passes; one check per period."""
    passed = False
    while not passed:
        await asyncio.sleep(probe.period_s)
        passed = await passes(probe, port, timeout_s=probe.timeout_s)


async def fails(probe: Probe, port: int) -> None:
    """Return when `failureThreshold` checks in a row have failed; one check per period."""
    await asyncio.sleep(probe.initial_delay_s)
    failed = 0
    while failed < probe.failure_threshold:
        await asyncio.sleep(probe.period_s)
        failed = 0 if await passes(probe, port, timeout_s=probe.timeout_s) else failed + 1


async def passes(probe: Probe, port: int, *, timeout_s: float) -> bool:
    """Try a probe once on the container's real port."""
    check = {"tcp": _tcp, "http": _http, "grpc": _grpc}[probe.kind]
    try:
        async with asyncio.timeout(timeout_s):
            return await check(probe, port)
    except (OSError, TimeoutError, ValueError):
        return False


async def _tcp(_probe: Probe, port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True


async def _http(probe: Probe, port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"GET {probe.path or '/'} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        lines += ["User-Agent: GoogleHC/1.0", *(f"{name}: {value}" for name, value in probe.headers)]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status_line = await reader.readline()
        return int(status_line.split(b" ")[1]) in GOOD_STATUS
    except IndexError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _grpc(probe: Probe, port: int) -> bool:
    return await asyncio.to_thread(_grpc_serving, probe, port)


def _grpc_serving(probe: Probe, port: int) -> bool:
    """Ask `grpc.health.v1.Health/Check`; the two one-field messages are spelled in bytes to need no stub."""
    import grpc  # noqa: PLC0415 - heavy, and few services have such a probe

    name = probe.service.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    options = [("grpc.enable_http_proxy", 0)]  # a proxy of the user's is no way to this machine
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return bool(check(request, timeout=probe.timeout_s) == b"\x08\x01")  # status: SERVING
        except grpc.RpcError:
            return False
