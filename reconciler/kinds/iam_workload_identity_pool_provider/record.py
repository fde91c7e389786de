"""What we manage of a provider of a workload identity pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "iam_workload_identity_pool_provider"
"""Name of the kind, as in addresses."""


@dataclass(frozen=True, slots=True)
class WorkloadIdentityPoolProvider:
    """The fields we manage. Keys that somebody uploaded for the issuer are left as found.

    Args:
        display_name: For people, at most 32 characters.
        description: Carries our mark: providers have no labels.
        disabled: A disabled one lets nobody in.
        issuer: Whose tokens: the `iss` of OpenID Connect.
        audiences: For whom they must be made out; empty for the provider itself.
        mapping: CEL expression by attribute: `google.subject`, `attribute.repository`.
        condition: CEL expression that must be true.
    """

    display_name: str
    description: str
    disabled: bool
    issuer: str
    audiences: tuple[str, ...]
    mapping: Mapping[str, str]
    condition: str
