"""Addresses at which a source is uploaded, and at which it is read.

Source: the message comments of `GenerateUploadUrlResponse`; recording functions_function/v1-http-create-2018 for the
shape of the first generation's.
"""

import secrets
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from google.cloud.functions_v2.types import functions as messages

from emulator.apis.functions import checks, storage_calls
from emulator.apis.functions.model import API, FUNCTIONS, SERVICE, agent
from emulator.apis.functions.uploads import BUCKET, KIND, LIFE_MIN
from emulator.apis.storage.records import BUCKET as BUCKETS
from emulator.core.api import Call
from emulator.core.resources import by_id
from emulator.core.world import World

UploadUrl = messages.GenerateUploadUrlResponse.pb()
DownloadUrl = messages.GenerateDownloadUrlResponse.pb()


@API.method(SERVICE + "GenerateUploadUrl")
def generate_upload_url(world: World, request: Any, _: Call) -> Any:
    """An address that takes one archive by PUT, for half an hour, from whoever knows it."""
    parent = by_id(world, request.parent)
    checks.check_place(parent)
    project, region = parent.split("/")[1::2]
    bucket = BUCKET.format(number=world.project_number(project), region=region)
    name = f"{uuid.uuid4()}.zip"
    ensure_bucket(world, project, region, bucket)
    answer = UploadUrl(upload_url=f"{world.http_url}/{bucket}/{name}?{signed(world, project, f'{bucket}/{name}')}")
    answer.storage_source.bucket, answer.storage_source.object_ = bucket, name
    return answer


def signed(world: World, project: str, place: str) -> str:
    """The query that lets a caller write one object."""
    signature = secrets.token_hex(32)
    expires = int((world.clock.now() + timedelta(minutes=LIFE_MIN)).timestamp())
    world.store.put(KIND, place, f"{signature} {expires}".encode())
    return urlencode({"GoogleAccessId": agent(world, project), "Expires": expires, "Signature": signature})


def ensure_bucket(world: World, project: str, region: str, name: str) -> None:
    """The bucket that Google keeps uploads in."""
    if world.store.get(BUCKETS, name) is None:
        wanted = {"name": name, "location": region}
        storage_calls.call(world, agent(world, project), "POST", f"/storage/v1/b?project={project}", wanted)


@API.method(SERVICE + "GenerateDownloadUrl")
def generate_download_url(world: World, request: Any, _: Call) -> Any:
    """Where a function's source can be read."""
    function = FUNCTIONS.get(world, by_id(world, request.name))
    named = function.build_config.source.storage_source
    path = f"/download/storage/v1/b/{named.bucket}/o/{quote(named.object_, safe='')}"
    return DownloadUrl(
        download_url=f"{world.http_url}{path}?{urlencode({'generation': named.generation, 'alt': 'media'})}"
    )
