"""The PUT of a source to an address that `GenerateUploadUrl` gave: an object of the emulated Cloud Storage.

Light to import: it is there from the emulator's start.

Source: https://cloud.google.com/storage/docs/access-control/signed-urls for what a signed address is, and for the
answers to one that is not good any more.
"""

import hmac
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.apis.storage import errors
from emulator.apis.storage.app import edge_of, serve
from emulator.apis.storage.wire import Reply, failure
from emulator.core.api import Api
from emulator.core.world import World
from emulator.identity.tokens import Tokens

API = Api("functions-uploads")
KIND = "functions.upload"
BUCKET = "gcf-v2-uploads-{number}.{region}.cloudfunctions.appspot.com"
AGENT = "service-{number}@gcf-admin-robot.iam.gserviceaccount.com"
"""Google's own account that makes services, reads sources and signs addresses (kinds.md section 15)."""
LIFE_MIN = 30
WORKERS = 4


def routes(world: World) -> list[Route]:
    """`PUT /gcf-v2-uploads-…/NAME.zip?Signature=…`."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="functions-upload")

    async def put(request: Request) -> Response:
        edge = edge_of(world, request)

        def answer(_: str, target: str, headers: Mapping[str, str], body: IO[bytes]) -> Reply:
            parts = urlsplit(target)
            bucket, _, name = parts.path.lstrip("/").partition("/")
            refused = check(world, f"{bucket}/{name}", parts.query)
            if refused is not None:
                return failure(refused)
            query = urlencode({"uploadType": "media", "name": name})
            # Who signed the address writes, whoever sends: Google's own account, which the query names.
            token = world.part(Tokens).access_token(parse_qs(parts.query)["GoogleAccessId"][0])
            told = {"content-type": headers.get("content-type", "application/zip"), "authorization": f"Bearer {token}"}
            return edge.answer("POST", f"/upload/storage/v1/b/{bucket}/o?{query}", told, body)

        return await serve(request, pool, edge, answer)

    return [Route("/gcf-v2-uploads-{rest}/{name}", put, methods=["PUT"])]


def check(world: World, place: str, query: str) -> errors.StorageError | None:
    """Why an upload is refused, or None."""
    body = world.store.get(KIND, place)
    signature, _, expires = ("" if body is None else body.decode()).partition(" ")
    sent = parse_qs(query)
    number = place.removeprefix(BUCKET.partition("{")[0]).partition(".")[0]
    signed = (sent.get("GoogleAccessId", [""])[0], sent.get("Signature", [""])[0])
    # The account is part of what was signed.
    if not signature or signed[0] != AGENT.format(number=number) or not hmac.compare_digest(signature, signed[1]):
        return errors.StorageError(403, "SignatureDoesNotMatch", "Access denied.")
    if world.clock.now().timestamp() > int(expires) or sent.get("Expires", [""])[0] != expires:
        return errors.StorageError(400, "ExpiredToken", "Invalid argument.")
    return None


API.routes.append(routes)
