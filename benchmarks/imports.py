"""What importing Google's packages costs in a fresh process: one client of each, lightly and ordinarily.

`python -m benchmarks imports`; `python -m benchmarks.imports google.pubsub_v1` measures one package. Seconds are the
least of several rounds, as anything else that runs can only add. Both import the gRPC transport as well. Every first
client pays 0.2 s and 470 modules for what all of them share: gRPC, protobuf, google-auth and google-api-core.
"""

import argparse
import json
import subprocess
import sys
from typing import NamedTuple

from benchmarks.google_packages import HAND_WRITTEN, PACKAGES

ROUNDS = 3

LIGHT = """
from reconciler.gcp.light import client_class, transport_class
client_class("{package}", "{service}", "{stem}Client")
transport_class("{package}", "{service}", "{stem}GrpcTransport")
"""
ORDINARY = "import {package}.services.{service}.transports"
PROGRAM = """
import gc, json, sys, time
def megabytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
modules, before, started = len(sys.modules), megabytes(), time.perf_counter()
{code}
print(json.dumps([time.perf_counter() - started, len(sys.modules) - modules, megabytes() - before]))
"""


class Cost(NamedTuple):
    """Of an import."""

    seconds: float
    modules: int
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:>6.2f} s {self.modules:>5} {self.megabytes:>5.0f} MB"


def cost(code: str) -> Cost:
    """Run imports in fresh interpreters, and take the quickest."""
    command = [sys.executable, "-c", PROGRAM.format(code=code)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(ROUNDS)]
    return min(Cost(*json.loads(run.stdout)) for run in runs)


def show(package: str) -> None:
    """Print the rows of one package."""
    for reading in PACKAGES[package]:
        names = {"package": package, "service": reading.service, "stem": reading.stem}
        light, ordinary = cost(LIGHT.format(**names)), cost(ORDINARY.format(**names))
        print(f"{package + ' ' + reading.service:<72} {light}   {ordinary}", flush=True)


def together() -> Cost:
    """Import every client at once, as for a spec with every section."""
    codes = (
        LIGHT.format(package=package, service=reading.service, stem=reading.stem)
        for package, readings in PACKAGES.items()
        for reading in readings
    )
    return cost("\n".join(codes))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="as google.pubsub_v1")
    named = [each for each in parser.parse_args().packages if each in PACKAGES]
    print(f"{'package and service':<72} {'light: seconds, modules, MB':<25}   ordinary")
    print(f"{'what all share: google.api_core.gapic_v1':<72} {cost('import google.api_core.gapic_v1')}")
    for package in named or PACKAGES:
        show(package)
    for package in () if named else HAND_WRITTEN:
        light = cost(f"from reconciler.gcp.light import hand_written; hand_written('{package}')")
        print(f"{package:<72} {light}   {cost(f'import {package}')}", flush=True)
    if not named:
        print(f"{'all generated clients above, in one process':<72} {together()}")


if __name__ == "__main__":
    main()
