"""What we manage of a provider of a workload identity pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "iam_workload_identity_pool_provider"
"""Name of the kind, as in addresses."""


@dataclass(frozen=True, slots=True)
class WorkloadIdentityPoolProvider:
    """The fields we manage.

    Args:
        display_name: For people, at most 32 characters.
        description: Carries our mark: providers have no labels.
        disabled: A disabled one lets nobody in.
        issuer: Whose tokens: the `iss` of OpenID Connect.
        audiences: For whom they must be made out; empty for the provider itself.
        mapping: CEL expression by attribute: `google.subject`, `attribute.repository`.
        condition: CEL expression that must be true.
        keys: Those that tokens are checked with, as JSON Web Keys; empty for those that the issuer publishes. Who
            uploads others in their place makes tokens of whomever he likes.
    """

    display_name: str
    description: str
    disabled: bool
    issuer: str
    audiences: tuple[str, ...]
    mapping: Mapping[str, str]
    condition: str
    keys: str
