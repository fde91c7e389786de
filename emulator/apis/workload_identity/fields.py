"""What a pool and a provider may say.

Source:
    https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools (lengths, ids),
    `.providers` (mapping, condition, audiences);
    https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions (issuers that
    many share).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from emulator.apis.workload_identity.claims import parsed
from emulator.core.failures import ApiFailure
from emulator.core.json_text import read_json
from emulator.core.resources import check_id
from emulator.identity.conditions import UnknownConditionError

ID = r"(?!gcp-)[a-z0-9-]{4,32}"
BOTH = frozenset({"displayName", "description", "disabled"})
POOL = BOTH | {"inlineTrustConfig"}
"""What a pool trusts for certificates is kept, and has no effect here."""
PROVIDER = BOTH | {"attributeMapping", "attributeCondition", "oidc"}
OUTPUT_ONLY = frozenset({"name", "state", "expireTime"})
OIDC = frozenset({"issuerUri", "allowedAudiences", "jwksJson"})
LONGEST = {"displayName": 32, "description": 256, "attributeCondition": 4096}
AUDIENCES_MOST, AUDIENCE_LONGEST = 10, 256
MAPPED_MOST, MAPPING_LONGEST = 50, 2048
MAPPED = re.compile(r"google\.(subject|groups)|attribute\.[a-z0-9_]{1,100}")
SHARED_ISSUERS = ("https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io")
HERE = ("127.0.0.1", "localhost", "::1")
NO_CONDITION = (
    "The attribute condition must reference one of the provider's claims. For more information, see "
    "https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions"
)


def invalid(message: str) -> ApiFailure:
    """A 400."""
    return ApiFailure("INVALID_ARGUMENT", message)


def sent(body: bytes, known: Iterable[str]) -> dict[str, Any]:
    """The resource in a request, without what only the server sets.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is no such resource.
    """
    try:
        found = read_json(body or b"{}")
    except ValueError as error:
        raise invalid("Invalid JSON payload received.") from error
    if not isinstance(found, dict) or not isinstance(found.get("oidc") or {}, dict):
        raise invalid("Invalid JSON payload received.")
    for name in found.keys() - {*known, *OUTPUT_ONLY}:
        raise invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    return {name: each for name, each in found.items() if name not in OUTPUT_ONLY and each not in (None, "", False)}


def masked(found: Mapping[str, Any], change: Mapping[str, Any], mask: str, known: Iterable[str]) -> dict[str, Any]:
    """A resource with the masked fields of another one; a masked field that is not there is cleared.

    Raises:
        ApiFailure: INVALID_ARGUMENT: the mask names what cannot be changed.
    """
    made = {**found, "oidc": {**found["oidc"]}} if "oidc" in found else {**found}
    for path in [each for each in mask.split(",") if each] or sorted(change):
        first, _, rest = path.partition(".")
        if first not in known or (rest and (first != "oidc" or rest not in OIDC)):
            raise invalid(f'Invalid field "{path}" in update_mask.')
        into, source, key = (
            (made.setdefault("oidc", {}), change.get("oidc", {}), rest) if rest else (made, change, first)
        )
        into.pop(key, None)
        if key in source:
            into[key] = source[key]
    return made


def check_pool(pool: Mapping[str, Any], pool_id: str = "") -> None:
    """Check a pool, and its id where it is new.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if pool_id:
        check_id("workload_identity_pool_id", pool_id, ID)
    check_texts(pool)


def check_texts(resource: Mapping[str, Any]) -> None:
    """Check what is text, and how long.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    for name, most in LONGEST.items():
        text = resource.get(name, "")
        if not isinstance(text, str) or len(text) > most:
            raise invalid(f"{name} must be text of at most {most} characters.")
    if not isinstance(resource.get("disabled", False), bool):
        raise invalid("disabled must be true or false.")


def check_provider(provider: Mapping[str, Any], provider_id: str = "") -> None:
    """Check a provider, and its id where it is new.

    Raises:
        ApiFailure: INVALID_ARGUMENT. UNIMPLEMENTED: it is none of OpenID Connect.
    """
    if provider_id:
        check_id("workload_identity_pool_provider_id", provider_id, ID)
    check_texts(provider)
    if not isinstance(provider.get("oidc"), dict):
        raise ApiFailure("UNIMPLEMENTED", "The emulator knows providers of OpenID Connect only.")
    check_oidc(provider["oidc"])
    check_mapping(provider.get("attributeMapping", {}))
    check_condition(provider.get("attributeCondition", ""), provider["oidc"]["issuerUri"])


def check_oidc(oidc: Mapping[str, Any]) -> None:
    """Check whose tokens are taken. Google's issuers are all https; here one of this machine may be without.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    for name in oidc.keys() - OIDC:
        raise invalid(f"Invalid JSON payload received. Unknown name \"{name}\" at 'oidc': Cannot find field.")
    if not is_issuer(oidc.get("issuerUri")):
        raise invalid("The issuer URI must be a valid URI that starts with https.")
    if not isinstance(oidc.get("jwksJson", ""), str):
        raise invalid("jwksJson must be text.")
    audiences = oidc.get("allowedAudiences", [])
    if not isinstance(audiences, list) or not all(isinstance(each, str) for each in audiences):
        raise invalid("allowedAudiences must be a list of texts.")
    if len(audiences) > AUDIENCES_MOST or any(len(each) > AUDIENCE_LONGEST for each in audiences):
        raise invalid(f"At most {AUDIENCES_MOST} audiences of {AUDIENCE_LONGEST} characters are allowed.")


def is_issuer(text: Any) -> bool:
    """Whether it is the address of an issuer."""
    if not isinstance(text, str):
        return False
    try:
        issuer = urlsplit(text)
    except ValueError:
        return False
    return issuer.scheme == "https" or (issuer.scheme == "http" and issuer.hostname in HERE)


def check_mapping(mapping: Any) -> None:
    """Check where attributes come from.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not isinstance(mapping, dict) or "google.subject" not in mapping:
        raise invalid("The attribute mapping must map google.subject.")
    if len(mapping) > MAPPED_MOST:
        raise invalid(f"At most {MAPPED_MOST} attributes can be mapped.")
    for name, expression in mapping.items():
        if not MAPPED.fullmatch(name):
            raise invalid(f"{name} is no attribute that can be mapped to.")
        if not isinstance(expression, str) or not 0 < len(expression) <= MAPPING_LONGEST:
            raise invalid(f"The mapping of {name} must be an expression of at most {MAPPING_LONGEST} characters.")
        compiled(expression)


def check_condition(condition: str, issuer: str) -> None:
    """Check who is let in. Where everybody's tokens come from one issuer, somebody must be kept out.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if condition:
        compiled(condition)
    if issuer.startswith(SHARED_ISSUERS) and not re.search(r"\b(assertion|google|attribute)\b", condition):
        raise invalid(NO_CONDITION)


def compiled(expression: str) -> None:
    """Refuse what the emulator could not evaluate later.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    try:
        parsed(expression)
    except UnknownConditionError as error:
        text = f"Error compiling the CEL expression {expression!r}. The emulator knows only a part of CEL."
        raise invalid(text) from error
