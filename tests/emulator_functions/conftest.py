"""Cloud Functions through Google's own clients, and sources made on the spot."""

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import functions_v2, run_v2, storage
from google.iam.v1 import policy_pb2

from tests.conftest import Emulator
from tests.emulator.clients import client

PLACE = "projects/local/locations/europe-west1"
NAME = f"{PLACE}/functions/greeter"
SERVICE = f"{PLACE}/services/greeter"
BUCKET = "local-sources"
HELLO = """
import functions_framework

@functions_framework.http
def hello(request):
    return "hello"
"""


def zipped(files: dict[str, str] | str = HELLO) -> bytes:
    """An archive; a text is its `main.py`."""
    held = {"main.py": files} if isinstance(files, str) else files
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in held.items():
            archive.writestr(name, text)
    return made.getvalue()


@dataclass
class Cloud:
    """The clients of one emulator."""

    emulator: Emulator
    functions: Any
    runs: Any
    bucket: Any

    def upload(self, files: dict[str, str] | str = HELLO, name: str = "source.zip") -> dict[str, str]:
        """Put a source into the bucket; returns what names it."""
        return self.upload_bytes(zipped(files), name)

    def upload_bytes(self, data: bytes, name: str = "source.zip") -> dict[str, str]:
        """The same, of any bytes."""
        self.bucket.blob(name).upload_from_string(data, content_type="application/zip")
        return {"bucket": BUCKET, "object": name}

    def wanted(self, files: Any = HELLO, entry: str = "hello", **config: Any) -> functions_v2.Function:
        """A function of a source that is uploaded now."""
        named = self.upload_bytes(files) if isinstance(files, bytes) else self.upload(files)
        storage_source = {"bucket": named["bucket"], "object_": named["object"]}
        build = {"runtime": "python313", "entry_point": entry, "source": {"storage_source": storage_source}}
        trigger = {"event_trigger": config.pop("event_trigger")} if "event_trigger" in config else {}
        labels = config.pop("labels", {})
        return functions_v2.Function(build_config=build, service_config=config, labels=labels, **trigger)

    def create(self, files: Any = HELLO, entry: str = "hello", function_id: str = "greeter", **config: Any) -> Any:
        """Create a function and wait for it."""
        function = self.wanted(files, entry, **config)
        request = {"parent": PLACE, "function_id": function_id, "function": function}
        return self.functions.create_function(request=request).result(timeout=60)

    def update(self, function: functions_v2.Function, *paths: str) -> Any:
        """Write a function and wait for it."""
        request = {"function": function, "update_mask": {"paths": list(paths)}}
        return self.functions.update_function(request=request).result(timeout=60)

    def replace_source(self, files: Any, entry: str = "hello") -> Any:
        """Give the function another source and wait."""
        function = self.wanted(files, entry)
        function.name = NAME
        return self.update(function, "build_config")

    def get(self, name: str = NAME) -> functions_v2.Function:
        """Read a function."""
        return self.functions.get_function(name=name)

    def open_to_everybody(self, service: str = SERVICE) -> None:
        """Let anybody call the service behind a function."""
        binding = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
        self.runs.set_iam_policy(request={"resource": service, "policy": policy_pb2.Policy(bindings=[binding])})

    def call(self, **of: Any) -> httpx.Response:
        """Call the function, which everybody may from now on."""
        self.open_to_everybody()
        return httpx.post(self.get().url, timeout=30, trust_env=False, **of)


@pytest.fixture
def cloud(emulator: Emulator) -> Cloud:
    """An empty cloud with one bucket."""
    options = {"api_endpoint": emulator.http}
    buckets = storage.Client(project="local", credentials=AnonymousCredentials(), client_options=options)
    functions = client(emulator, functions_v2.FunctionServiceClient)
    return Cloud(emulator, functions, client(emulator, run_v2.ServicesClient), buckets.create_bucket(BUCKET))
