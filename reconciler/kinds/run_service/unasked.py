"""Who may call a service whose callers Cloud Run does not ask who they are."""

from collections.abc import Mapping

_CALLERS: Mapping[str, str] = {
    "All": "anyone on the internet",
    "Internal": "anyone in the project's networks",
    "InternalAndLoadBalancing": "anyone in the project's networks or through its load balancers",
}


def callers(ingress: str, *, checked: bool | None, iap: bool | None) -> str:
    """Give who may call, in words; empty where callers are asked.

    Args:
        ingress: Networks from which requests may come, in the spec's words.
        checked: Whether Cloud Run asks for an identity token; None for what nobody knows.
        iap: Whether people sign in to Identity-Aware Proxy first.
    """
    return _CALLERS.get(ingress, "anyone") if checked is False and not iap else ""
