"""The Security Token Service: a token of somebody else's, for one of Google's.

The token is checked as Google does it: signature by the issuer's keys, issuer, audience, times, the provider's mapping
and condition. Keys are those that the provider brings (`jwksJson`), or those that an issuer on this machine publishes:
nothing is asked of others.

Source:
    https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token; error words as google-auth and
    google-github-actions/auth show them (issues of theirs).
"""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.apis.workload_identity import kept
from emulator.apis.workload_identity.claims import MissingError, Subject, value
from emulator.core.failures import ApiFailure
from emulator.core.json_text import read_json
from emulator.core.world import World
from emulator.identity.conditions import UnknownConditionError
from emulator.identity.tokens import LIFETIME_S, Tokens
from emulator.wire.dispatch import guarded
from emulator.wire.rest_server import call_of, in_thread, refusal

METHOD = "google.identity.sts.v1.SecurityTokenService/ExchangeToken"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
TAKEN = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/(?P<name>(?P<pool>projects/\d+/locations/global/workloadIdentityPools/[^/]+)/providers/[^/]+)"
)
BODY_MOST, KEYS_MOST = 64 * 1024, 256 * 1024
UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What reading a token comes to that somebody wrote by hand."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
SUBJECT_MOST, LIFE_MOST_S, SKEW_S = 127, 86_400, 60
HERE = ("127.0.0.1", "localhost", "::1")
NO_TARGET = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or '
    "provider is disabled or deleted or because it doesn't exist."
)


class RefusedError(Exception):
    """The exchange is refused.

    Args:
        error: A word of OAuth2.
        description: Why.
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description.encode("utf-8", "replace").decode())  # half a character cannot be sent
        self.error = error


def routes(world: World) -> list[Route]:
    """`POST /v1/token`."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="sts")

    async def answer(request: Request) -> Response:
        call, gone = call_of(world, request, METHOD, mutating=False)
        body = await request.body()

        def work() -> Response:
            try:
                return JSONResponse(guarded(world, call, lambda: exchanged(world, asked(body))))
            except RefusedError as why:
                return JSONResponse({"error": why.error, "error_description": str(why)}, 400)
            except ApiFailure as failure:
                return refusal(failure)

        return await in_thread(request, pool, gone, work)

    return [Route("/v1/token", answer, methods=["POST"])]


def asked(body: bytes) -> dict[str, str]:
    """The parameters: a form as OAuth2 has it, or JSON, with names either way.

    Raises:
        RefusedError: They cannot be read.
    """
    if len(body) > BODY_MOST:
        raise RefusedError("invalid_request", "The request is too large.")
    if not body.lstrip().startswith(b"{"):
        return dict(parse_qsl(body.decode("latin-1")))
    try:
        found = read_json(body)
    except ValueError as error:
        raise RefusedError("invalid_request", "Invalid JSON payload received.") from error
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): str(each) for name, each in found.items()}


def exchanged(world: World, form: Mapping[str, str]) -> dict[str, Any]:
    """A token for the subject of another one.

    Raises:
        RefusedError: It does not get one.
    """
    if form.get("grant_type") != GRANT:
        raise RefusedError("unsupported_grant_type", f"Only {GRANT} is supported.")
    if form.get("subject_token_type") not in TAKEN or form.get("requested_token_type", ACCESS) != ACCESS:
        raise RefusedError("invalid_request", "Invalid subject_token_type or requested_token_type.")
    place = AUDIENCE.fullmatch(form.get("audience", ""))
    if place is None:
        raise RefusedError("invalid_request", 'Invalid value for "audience".')
    if not kept.usable(world, place["pool"]) or not kept.usable(world, place["name"]):
        raise RefusedError("invalid_target", NO_TARGET)
    provider = kept.get(world, place["name"])
    claims = verified(provider, form.get("subject_token", ""))
    token = world.part(Tokens).federated_token(list(members(place["pool"], provider, claims)), form.get("scope", ""))
    return {"access_token": token, "issued_token_type": ACCESS, "token_type": "Bearer", "expires_in": LIFETIME_S}


def verified(provider: kept.Resource, token: str) -> dict[str, Any]:
    """The claims of a token that the provider takes.

    Raises:
        RefusedError: Signature, issuer, audience or times are not what they must be.
    """
    issuer = provider["oidc"]["issuerUri"]
    try:
        told = jwt.decode(token, options={"verify_signature": False})
        key_id = str(jwt.get_unverified_header(token).get("kid", ""))
    except UNREADABLE as error:
        raise RefusedError("invalid_request", "Unable to parse the ID Token.") from error
    if told.get("iss") != issuer:
        text = f"The issuer in ID Token {told.get('iss')} does not match the expected ones: [{issuer}]"
        raise RefusedError("invalid_grant", text)
    expected = audiences(provider)
    check_audience(told.get("aud"), expected)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key_of(provider, key_id),
            algorithms=["RS256", "ES256"],
            audience=expected,
            issuer=issuer,
            leeway=SKEW_S,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise RefusedError("invalid_grant", f"ID Token issued at {told.get('iat')} is stale to sign-in.") from error
    except UNREADABLE as error:
        raise RefusedError("invalid_grant", f"The ID Token cannot be verified: {error}") from error
    if not all(isinstance(claims[name], int | float) for name in ("exp", "iat")):
        raise RefusedError("invalid_grant", "The times of the ID Token must be numbers.")
    if claims["exp"] - claims["iat"] > LIFE_MOST_S:
        raise RefusedError("invalid_grant", "The ID Token lives for more than 24 hours.")
    return claims


def audiences(provider: kept.Resource) -> list[str]:
    """For whom tokens must be: what the provider lists, else its own full name, with and without https."""
    own = f"//iam.googleapis.com/{provider['name']}"
    return list(provider["oidc"].get("allowedAudiences", [])) or [own, f"https:{own}"]


def check_audience(told: Any, expected: list[str]) -> None:
    """Refuse a token for somebody else.

    Raises:
        RefusedError: It is.
    """
    given = told if isinstance(told, list) else [told]
    if not any(each in expected for each in given):
        text = f"The audience in ID Token [{', '.join(map(str, given))}] does not match the expected audience."
        raise RefusedError("invalid_grant", text)


def key_of(provider: kept.Resource, key_id: str) -> Any:
    """The issuer's key of that id.

    Raises:
        RefusedError: It has none, or cannot be asked.
    """
    text = provider["oidc"].get("jwksJson") or published(provider["oidc"]["issuerUri"])
    try:
        keys = jwt.PyJWKSet.from_dict(json_of(text)).keys
    except (*UNREADABLE, KeyError, AttributeError) as error:
        raise RefusedError("invalid_grant", "The keys of the issuer cannot be read.") from error
    found = [key for key in keys if key.key_id == key_id]
    if not found:
        raise RefusedError("invalid_grant", f"The issuer has no key {key_id!r}.")
    return found[0]


def published(issuer: str) -> str:
    """The keys that an issuer on this machine publishes.

    Raises:
        RefusedError: It is not on this machine, or does not answer.
    """
    about = json_of(fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    return fetched(str(about.get("jwks_uri", "")))


def json_of(text: str) -> dict[str, Any]:
    """What an issuer publishes.

    Raises:
        RefusedError: It is no object in JSON.
    """
    try:
        found = read_json(text)
    except ValueError as error:
        raise RefusedError("invalid_grant", "What the issuer publishes is no JSON.") from error
    if not isinstance(found, dict):
        raise RefusedError("invalid_grant", "What the issuer publishes is no object in JSON.")
    return found


def fetched(url: str) -> str:
    """What an address of this machine answers with.

    Raises:
        RefusedError: There is no such answer.
    """
    import httpx  # noqa: PLC0415 - few emulators ask an issuer

    if host_of(url) not in HERE:
        text = f"The emulator asks nobody beyond this machine for keys: give the provider those of {url} (jwksJson)."
        raise RefusedError("invalid_grant", text)
    try:
        with httpx.Client(trust_env=False, timeout=5) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            return read_some(answer.iter_bytes())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RefusedError("invalid_grant", f"The keys of the issuer cannot be fetched: {error}") from error


def host_of(url: str) -> str | None:
    """The host of an address; None: it has none, or is no address."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def read_some(chunks: Iterator[bytes]) -> str:
    """A body that is not too large.

    Raises:
        RefusedError: It is.
    """
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) > KEYS_MOST:
            raise RefusedError("invalid_grant", "The keys of the issuer are too large.")
    return found.decode("utf-8", "replace")


def members(pool: str, provider: kept.Resource, claims: dict[str, Any]) -> Iterator[str]:
    """Under which names policies know the subject, its own first.

    Raises:
        RefusedError: The condition does not hold, or an attribute cannot be mapped.

    Source:
        https://cloud.google.com/iam/docs/principal-identifiers.
    """
    mapped = {name: attribute(name, text, claims) for name, text in provider["attributeMapping"].items()}
    subject = Subject(
        claims,
        *(
            {n.partition(".")[2]: each for n, each in mapped.items() if n.startswith(sort)}
            for sort in ("google.", "attribute.")
        ),
    )
    if not admitted(provider.get("attributeCondition", ""), subject):
        raise RefusedError("unauthorized_client", "The given credential is rejected by the attribute condition.")
    own = mapped["google.subject"]
    if not isinstance(own, str) or not 0 < len(own) <= SUBJECT_MOST:
        raise RefusedError("invalid_grant", f"google.subject must be text of at most {SUBJECT_MOST} characters.")
    yield f"principal://iam.googleapis.com/{pool}/subject/{own}"
    yield f"principalSet://iam.googleapis.com/{pool}/*"
    for group in groups(mapped):
        yield f"principalSet://iam.googleapis.com/{pool}/group/{group}"
    for name, each in mapped.items():
        if name.startswith("attribute."):
            yield f"principalSet://iam.googleapis.com/{pool}/{name}/{each}"


def groups(mapped: Mapping[str, Any]) -> list[str]:
    """The groups of the subject.

    Raises:
        RefusedError: They are no list of texts.
    """
    found = mapped.get("google.groups", [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise RefusedError("invalid_grant", "google.groups must be a list of texts.")
    return found


def attribute(name: str, expression: str, claims: dict[str, Any]) -> Any:
    """One attribute of the subject.

    Raises:
        RefusedError: It cannot be mapped, or has a line break in it: each name of a caller stands on a line of its own.
    """
    try:
        found = value(expression, Subject(claims))
    except (MissingError, UnknownConditionError) as error:
        text = f"The attribute {name} cannot be mapped: {expression} has no value for this credential."
        raise RefusedError("invalid_grant", text) from error
    if any(CONTROL.search(str(each)) for each in (found if isinstance(found, list) else [found])):
        raise RefusedError("invalid_grant", f"The attribute {name} must have no control characters.")
    return found


def admitted(condition: str, subject: Subject) -> bool:
    """Whether the condition holds; one that asks for what is not there does not."""
    try:
        return not condition or value(condition, subject) is True
    except (MissingError, UnknownConditionError):
        return False
