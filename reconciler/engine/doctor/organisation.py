"""What the organisation forbids of what these specs ask for.

Source:
    https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints;
    https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations for groups of locations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.checkup import Answer, Check, Who
from reconciler.engine.doctor.case import Case, Checks
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas import LoadedService
from schemas.sections.access import AUTO, Authentication

_INGRESS = {
    "All": "all",
    "Internal": "internal",
    "InternalAndLoadBalancing": "internal-and-cloud-load-balancing",
}
_GROUPS = {"us": "us-", "europe": "europe-", "asia": "asia-", "australia": "australia-", "canada": "northamerica-"}
"""Groups of locations that are the beginning of a region's name. Others, such as `eu`, are not."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in a project for one constraint.

    Args:
        everything: All values are allowed.
        nothing: None is.
        allowed: Those that are; empty where that is not said.
        denied: Those that are not.
        enforced: For a constraint that says yes or no.
    """

    everything: bool
    nothing: bool
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    enforced: bool

    @classmethod
    def of(cls, policy: Any) -> Rules:
        """Read Google's message."""
        rules = list(policy.spec.rules)
        return cls(
            everything=any(rule.allow_all for rule in rules) or not rules,
            nothing=any(rule.deny_all for rule in rules),
            allowed=tuple(value for rule in rules for value in _exact(rule.values.allowed_values)),
            denied=tuple(value for rule in rules for value in _exact(rule.values.denied_values)),
            enforced=any(rule.enforce for rule in rules),
        )

    def forbids(self, value: str) -> bool:
        """Tell whether a value is not allowed. What is denied is not, also where it is allowed."""
        return self.nothing or value in self.denied or (bool(self.allowed) and value not in self.allowed)

    @property
    def said(self) -> str:
        """Give what is allowed, in words."""
        if self.nothing:
            return "nothing is allowed"
        lists = {"allowed": self.allowed, "denied": self.denied}
        return (
            "; ".join(f"{word}: {', '.join(values)}" for word, values in lists.items() if values) or "no value is named"
        )


def _exact(values: Iterable[str]) -> Iterator[str]:
    """Give values without `is:`, which says no more than that no group is meant."""
    return (value.removeprefix("is:") for value in values)


Verdict = tuple[Answer, str]
Judge = Callable[[Rules, LoadedService], Verdict | None]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint and what of a spec it is about.

    Args:
        name: Google's.
        path: Of the words in a spec, below `spec`.
        about: Tells whether a spec has to do with it.
        judge: Says what is wrong; None for nothing.
    """

    name: str
    path: str
    about: Callable[[LoadedService], bool]
    judge: Judge


def _public(loaded: LoadedService) -> bool:
    return loaded.service.spec.access.authentication is Authentication.PUBLIC


def _always(loaded: LoadedService) -> bool:
    del loaded
    return True


def _everyone(rules: Rules, loaded: LoadedService) -> Verdict | None:
    del loaded
    if rules.everything:
        return None
    return Answer.FAIL, f"access.authentication: Public is blocked ({rules.said})"


def _asks_callers(rules: Rules, loaded: LoadedService) -> Verdict | None:
    del loaded
    return (Answer.FAIL, "a service must ask its callers who they are") if rules.enforced else None


def _ingress(rules: Rules, loaded: LoadedService) -> Verdict | None:
    wanted = loaded.service.spec.access.ingress
    blocked = rules.forbids(_INGRESS[wanted])
    return (Answer.FAIL, f"access.ingress: {wanted} is blocked ({rules.said})") if blocked else None


def _location(rules: Rules, loaded: LoadedService) -> Verdict | None:
    region = loaded.service.spec.region
    if rules.nothing or _covers(rules.denied, region):
        return Answer.FAIL, f"nothing may be made in {region} ({rules.said})"
    if rules.everything or _covers(rules.allowed, region):
        return None
    groups = [value for value in rules.allowed if value.startswith("in:") and _group(value) not in _GROUPS]
    if any(not _is_region(_group(value)) for value in groups):
        return Answer.UNKNOWN, f"whether {region} is allowed cannot be told here ({rules.said})"
    return (Answer.FAIL, f"nothing may be made in {region} ({rules.said})") if rules.allowed else None


def _group(value: str) -> str:
    return value.removeprefix("in:").removesuffix("-locations")


def _is_region(name: str) -> bool:
    return name[-1:].isdigit()


def _covers(values: Iterable[str], region: str) -> bool:
    found = [_group(value) for value in values]
    return any(name == region or region.startswith(_GROUPS.get(name, "\0")) for name in found)


def _attested(rules: Rules, loaded: LoadedService) -> Verdict | None:
    protection = loaded.service.spec.protection
    wanted = protection.binary_authorization if protection else None
    if rules.everything:
        return None
    if wanted is None:
        return Answer.FAIL, f"services need protection.binaryAuthorization ({rules.said})"
    blocked = rules.forbids("default" if wanted == "Default" else wanted)
    return (Answer.FAIL, f"protection.binaryAuthorization: {wanted} is blocked ({rules.said})") if blocked else None


def _accounts(rules: Rules, loaded: LoadedService) -> Verdict | None:
    del loaded
    if not rules.enforced:
        return None
    return Answer.FAIL, "no service account may be made: name one that is there in access.serviceAccount"


CONSTRAINTS: tuple[Constraint, ...] = (
    Constraint("iam.allowedPolicyMemberDomains", "access.authentication", _public, _everyone),
    Constraint("run.managed.requireInvokerIam", "access.authentication", _public, _asks_callers),
    Constraint("run.allowedIngress", "access.ingress", _always, _ingress),
    Constraint("gcp.resourceLocations", "region", _always, _location),
    Constraint("run.allowedBinaryAuthorizationPolicies", "protection.binaryAuthorization", _always, _attested),
    Constraint(
        "iam.disableServiceAccountCreation",
        "access.serviceAccount",
        lambda loaded: loaded.service.spec.access.service_account == AUTO,
        _accounts,
    ),
)


def looks(case: Case) -> Iterator[tuple[str, Checks]]:
    """Give a check for each constraint that these specs have to do with."""
    for constraint in CONSTRAINTS:
        concerned = [loaded for loaded in case.services if constraint.about(loaded)]
        if concerned:
            yield "organisation", _look(case, constraint, concerned)


def _look(case: Case, constraint: Constraint, concerned: Sequence[LoadedService]) -> Checks:
    def made() -> Iterator[Check]:
        rules = Rules.of(_effective(case, constraint.name))
        found = [(loaded, verdict) for loaded in concerned if (verdict := constraint.judge(rules, loaded))]
        command = f"gcloud org-policies describe {constraint.name} --effective --project={case.project}"
        yield from _told(constraint, found, command)

    return made


def _told(constraint: Constraint, found: Sequence[tuple[LoadedService, Verdict]], command: str) -> Iterator[Check]:
    if not found:
        yield Check("organisation", Answer.OK, f"{constraint.name} allows what the specs ask for", Who.ORGANISATION)
    for verdict in dict.fromkeys(one for _, one in found):
        those = [loaded for loaded, one in found if one == verdict]
        yield Check(
            "organisation",
            verdict[0],
            f"{constraint.name}: {verdict[1]}",
            Who.ORGANISATION,
            (command,),
            tuple(sorted(loaded.service.name for loaded in those)),
            str(those[0].where(f"spec.{constraint.path}")),
        )


def _effective(case: Case, constraint: str) -> Any:
    api: Any = case.session.connection.client("google.cloud.orgpolicy_v2", "org_policy", "OrgPolicy")
    request = {"name": f"projects/{case.project}/policies/{constraint}"}
    with calling("read the organisation's policy", constraint):
        return api.get_effective_policy(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
