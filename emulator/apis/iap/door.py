"""What IAP does to a request for a Cloud Run service: who asks, whether he may, and what the service is told of him.

Who calls is known by an identity token for the service's address, as where the service asks itself. At Google programs
send one for IAP's own client, and people have a cookie: here nobody signs in, a request without a token is sent to
Google's page. Whoever is let in has the role in the policy: the owner of the project has none of it.

Source: https://cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run,
    https://cloud.google.com/iap/docs/managing-access, /signed-headers-howto, /identity-howto.
"""

from typing import Any

from emulator.apis.iap.assertions import assertions
from emulator.apis.iap.names import audience, protected
from emulator.apis.run.running import Gate
from emulator.core.world import World
from emulator.identity import access
from emulator.identity.tokens import Tokens, subject
from emulator.processes import pages
from emulator.processes.frontend import Passed
from emulator.processes.model import Route

ENTRY = "iap.webServiceVersions.accessViaIAP"
AGENT = "service-{number}@gcp-sa-iap.iam.gserviceaccount.com"
NO_TOKEN, BAD_TOKEN = "empty token", "Invalid JWT or access token"


def pass_through(world: World, token: str, route: Route, port: int, path: str) -> Passed:
    """Say who may pass, and what is vouched for of whoever does."""
    if not token:
        return Passed(pages.sign_in(f"127.0.0.1:{port}", path))
    claims = _claims(world, token, route, port)
    if claims is None:
        return Passed(pages.bad_credentials(BAD_TOKEN))
    email, number = str(claims.get("email", "")), _number(world, route)
    sort, host = "iap.googleapis.com/WebServiceVersion", "iap.googleapis.com"
    target = access.Target(protected(route.service), type=sort, service=host)
    if not access.may(world, email, ENTRY, target).granted:
        return Passed(pages.no_access(email))
    # It calls as its own account, which the service must let in like any other.
    if not route.public and not Gate(world).may_invoke(AGENT.format(number=number), route.service):
        return Passed(pages.forbidden(path))
    return Passed(headers=tuple(_vouched(world, email, audience(route.service, number))))


def _claims(world: World, token: str, route: Route, port: int) -> dict[str, Any] | None:
    claims = world.part(Tokens).read(token)
    own = {f"http://127.0.0.1:{port}", *(address.rstrip("/") for address in route.audiences)}
    return claims if claims is not None and str(claims.get("aud", "")).rstrip("/") in own else None


def _number(world: World, route: Route) -> str:
    return world.project_number(route.service.split("/")[1])


def _vouched(world: World, email: str, for_whom: str) -> list[tuple[bytes, bytes]]:
    told = {
        "x-goog-authenticated-user-email": f"accounts.google.com:{email}",
        "x-goog-authenticated-user-id": f"accounts.google.com:{subject(email)}",
        "x-goog-iap-jwt-assertion": assertions(world).of(email, for_whom),
    }
    return [(name.encode(), value.encode()) for name, value in told.items()]
