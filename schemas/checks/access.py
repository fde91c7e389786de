"""Who may call, and the account the service runs as.

Source:
    iam v1 `Binding.members`; https://cloud.google.com/iam/docs/principal-identifiers
"""

import re
from collections.abc import Iterable, Iterator

from schemas.checks.finding import Finding, repeated, warning
from schemas.refusal import shown
from schemas.sections.access import AUTO, Access, Authentication, Ingress

EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*@[a-z0-9.-]+\.gserviceaccount\.com")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PRINCIPAL = re.compile(r"(principal|principalSet)://\S+")
_EVERYONE = {"allUsers": "anyone", "allAuthenticatedUsers": "anyone with a Google account"}
_HINT = "write user:E-MAIL, group:E-MAIL, serviceAccount:E-MAIL, domain:NAME, principal://… or principalSet://…"


def invokers(access: Access) -> Iterator[Finding]:
    """Members that IAM takes; being public is said in one place only."""
    yield from members("access.invokers", access.invokers, instead="write `authentication: Public` instead")
    if access.authentication is Authentication.PUBLIC and access.invokers:
        hint = "remove the list, or use `authentication: IAM`"
        yield warning("access.invokers", "public", "invokers mean nothing where anyone may call", hint)


def open_to_anyone(access: Access) -> Iterator[Finding]:
    """That Cloud Run asks nobody opens a service to the internet as `Public` does, and says so less."""
    if access.authentication is Authentication.OFF and access.ingress is Ingress.ALL and not access.iap:
        summary = "anyone on the internet may call, as nobody is asked"
        hint = "if that is meant, write `authentication: Public`; else `ingress: InternalAndLoadBalancing`"
        yield warning("access.authentication", "public", summary, hint)


def one_word_on_iap(access: Access) -> Iterator[Finding]:
    """Whether people sign in to IAP is not said twice, and differently."""
    if access.authentication is Authentication.IAP and access.iap is False:
        hint = "leave out `iap`, or use `authentication: IAM`"
        yield Finding("access.iap", "iap", "`iap: false` contradicts `authentication: IAP`", hint)


def members(path: str, listed: Iterable[str], *, instead: str) -> Iterator[Finding]:
    """Members that IAM takes, each once.

    Args:
        path: Of the list.
        listed: They.
        instead: What to write in place of everyone.
    """
    for index, member in enumerate(listed):
        if member in _EVERYONE:
            hint = instead if member == "allUsers" else "list who may call"
            yield Finding(f"{path}[{index}]", "public", f"{shown(member)} means {_EVERYONE[member]}", hint)
        else:
            yield from _member(f"{path}[{index}]", member)
    for index, member in repeated(listed):
        yield Finding(f"{path}[{index}]", "repeated", f"{shown(member)} is listed twice")


def _member(path: str, member: str) -> Iterator[Finding]:
    kind, _, who = member.partition(":")
    if kind in {"user", "group", "serviceAccount"}:
        valid = EMAIL.fullmatch(who)
    else:
        valid = _DOMAIN.fullmatch(who) if kind == "domain" else _PRINCIPAL.fullmatch(member)
    if not valid:
        hint = _HINT if not EMAIL.fullmatch(member) else f"say what it is: {_kind_of(member)}:{member}"
        yield Finding(path, "member", f"{shown(member)} is not an IAM member", hint)
    elif who != who.lower() and kind in {"user", "group", "serviceAccount", "domain"}:
        hint = f"IAM keeps e-mails in lower case: {kind}:{who.lower()}"
        yield Finding(path, "member", f"{shown(member)} has upper-case letters", hint)


def _kind_of(email: str) -> str:
    return "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"


def service_account(access: Access) -> Iterator[Finding]:
    """`Auto` or an account's e-mail."""
    account = access.service_account
    if account == AUTO or ACCOUNT.fullmatch(account):
        return
    hint = f"write {AUTO}, or an e-mail that ends in .gserviceaccount.com"
    if account.lower() == AUTO.lower():
        hint = f"did you mean `{AUTO}`?"
    yield Finding("access.serviceAccount", "service-account", f"{shown(account)} is not a service account", hint)
