"""Build Google's clients as the command line does, make a call with each, say what came of it. Run by the tests."""

import json
import sys

from benchmarks.google_packages import PACKAGES
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.gcp.light import types_module


def main() -> None:
    """Print the messages' types, and the services of the package that were imported, as JSON."""
    address, package = sys.argv[1:]
    connection = Connection("some-project", "some-bucket", Endpoint("http://127.0.0.1:1", address, ""))
    messages = []
    for reading in PACKAGES[package]:
        client = connection.client(package, reading.service, reading.stem)
        getattr(client, reading.method)(request={reading.field: "projects/some-project"}, retry=None, timeout=60)
        module, _, name = reading.message.partition(".")
        messages.append(type(getattr(types_module(package, module), name)()).__name__)
    below = f"{package}.services."
    services = {full.removeprefix(below).split(".")[0] for full in sys.modules if full.startswith(below)}
    print(json.dumps([messages, sorted(services)]))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
