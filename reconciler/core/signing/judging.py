"""Whether an image may be deployed, from who has attested it.

What is not known is not attested: an image passes when an attestation of each attestor that its spec names holds, and
in no other case. What serves already is judged alike and only told of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.places import short
from reconciler.core.scanning.said import word
from reconciler.core.scanning.scans import Images, Scans
from reconciler.core.signing.artifacts import artifact_of, digest_of
from reconciler.core.signing.rule import Attested, Rule

Known = Mapping[tuple[str, str], Attested | Unreadable]
"""What is known of attestations, by attestor and image as `artifact_of` names it."""


def lacking(rule: Rule, image: str, known: Known) -> tuple[str, ...]:
    """Say what an image lacks, a line for each attestor; nothing where it is attested by all.

    Args:
        rule: Whose attestations it needs.
        image: As the plan names it.
        known: What there is.
    """
    artifact = artifact_of(image)
    if not artifact:
        return ("nobody attests what a tag names, since it may move: image.resolve: Digest, or write its digest",)
    whys = (_lack(each, artifact, known.get((each, artifact))) for each in rule.attestors)
    return tuple(why for why in whys if why)


def _lack(attestor: str, artifact: str, found: Attested | Unreadable | None) -> str:
    """Say why an image does not count as attested by one attestor; empty where it does."""
    if isinstance(found, Unreadable):
        return found.why
    if found is None:
        return f"it is not known whether {attestor} has attested it"
    if found.holds:
        return ""
    what = f"{attestor} has not attested it"
    if found.denials:
        many = f"{len(found.denials)} attestations" if len(found.denials) > 1 else "an attestation"
        more = "; there are more, and nobody looked at those" if found.more else ""
        what = f"{many} by {attestor}, and none that holds: {word(found.denials[0])}{more}"
    return f"{what}; whoever has its key signs {digest_of(artifact)}: {_command(attestor, artifact)}"


def _command(attestor: str, artifact: str) -> str:
    """Give the command that signs with a key in Cloud KMS and stores the attestation."""
    project = attestor.split("/")[1]
    return (
        f"gcloud beta container binauthz attestations sign-and-create --project={project} --attestor={attestor} "
        f"--artifact-url={artifact} --keyversion=KEY"
    )


def signatures_of(rule: Rule, images: Images, known: Known) -> Scans:
    """Say what attestations say of a service's images, as a plan carries it.

    Args:
        rule: Whose attestations they need.
        images: Of the service.
        known: What there is.
    """
    new = tuple(_lines(rule, images.new, known))
    back = tuple(_lines(rule, images.back, known, "requests go back to it: "))
    closed = rule.required and bool(new)
    serving = dict.fromkeys((*images.serving, *(images.replaced if closed else ())))
    return Scans(
        blocked=new if rule.required else (),
        warnings=(*(() if rule.required else new), *back),
        unsure=tuple(_lines(rule, tuple(serving), known)),
    )


def _lines(rule: Rule, images: tuple[str, ...], known: Known, before: str = "") -> Iterator[str]:
    for image in images:
        yield from (f"image {short(image)}: {before}{why}" for why in lacking(rule, image, known))
