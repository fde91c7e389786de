"""Whether a project's policy lets an image be deployed.

Google's account of the project looks for attestations: it must be able to read them where the attestor's note is.

Source: https://cloud.google.com/binary-authorization/docs/policy-yaml-reference (patterns: `*` ends at a slash, `**`
does not). The words of a denial are those that clusters show people; Cloud Run's own were not seen.
"""

from typing import Any

from grafeas.grafeas_v1.types import grafeas

from emulator.apis.binaryauthorization.model import ATTESTORS, Rule, agent
from emulator.apis.binaryauthorization.policies import policy_of
from emulator.apis.binaryauthorization.validation import denial
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World
from emulator.wire.dispatch import has, perform

LIST = "grafeas.v1.Grafeas/ListNoteOccurrences"
VERIFY = "binaryauthorization.attestors.verifyImageAttested"
PAGE = 1000
NONE_VALID = "No attestations found that were valid and signed by a key trusted by the attestor"


def refusal(world: World, project: str, image: str) -> str:
    """Say why the policy of a project keeps an image from being deployed; nothing: it does not.

    Args:
        world: Where.
        project: Its id.
        image: By digest, `HOST/PATH@sha256:...`.
    """
    policy = policy_of(world, f"projects/{project}/policy")
    rule = policy.default_admission_rule
    exempt = any(matches(each.name_pattern, image) for each in policy.admission_whitelist_patterns)
    if exempt or rule.enforcement_mode != Rule.ENFORCED_BLOCK_AND_AUDIT_LOG:
        return ""
    denied = f"Image {image} denied by Binary Authorization default admission rule."
    if rule.evaluation_mode == Rule.ALWAYS_DENY:
        return f"{denied} Denied by always_deny admission rule"
    whys = [(each, unattested(world, project, by_id(world, each), image)) for each in rule.require_attestations_by]
    lines = [f"Image {image} denied by attestor {each}: {why}" for each, why in whys if why]
    return " ".join((denied, *lines)) if lines else ""


def matches(pattern: str, image: str) -> bool:
    """Whether a pattern of a policy names an image; what has no star at its end must be the whole of it."""
    if pattern.endswith("**"):
        return image.startswith(pattern[:-2])
    if pattern.endswith("*"):
        return image.startswith(pattern[:-1]) and "/" not in image[len(pattern) - 1 :]
    return image == pattern


def unattested(world: World, project: str, attestor: str, image: str) -> str:
    """Say why an image counts as not attested by one attestor; nothing: it is."""
    asking = agent(world, project)
    found = ATTESTORS.find(world, attestor)
    if found is None or not has(world, asking, VERIFY, attestor):
        return f"the attestor is not there, or {asking} may not use it"
    note = found.user_owned_grafeas_note.note_reference
    try:
        attestations = occurrences(world, asking, note, image)
    except ApiFailure as failure:
        return f"attestations of {note} cannot be read: {failure.message}"
    held = any(not denial(world, found, each.attestation, each.note_name, each.resource_uri) for each in attestations)
    return "" if held else NONE_VALID


def occurrences(world: World, caller: str, note: str, image: str) -> list[Any]:
    """What was attested of an image by a note, in whatever project it is kept.

    Some programs name an image with its scheme, `gcloud` without.

    Raises:
        ApiFailure: It may not be read, or there is no such note.
    """
    found: list[Any] = []
    either = f'resourceUrl = "https://{image}" OR resourceUrl = "{image}"'
    request = grafeas.ListNoteOccurrencesRequest.pb()(name=note, filter=either, page_size=PAGE)
    while True:
        page = perform(world, Call(LIST, mutating=False, caller=caller), request)
        found += page.occurrences
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
