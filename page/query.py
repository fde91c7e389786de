"""What a URL asks for: filter, order and page. Pure; what it cannot mean is left out, and never an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PER_PAGE = 140
_LONGEST = 200
ORDERS = ("needs", "name", "state", "rollout", "drift", "errors", "p95", "cost", "changed")
STATES = ("needs-you", "failing", "moving", "quiet", "well")
_HIGHEST_FIRST = {"drift", "errors", "p95", "cost", "changed", "rollout"}


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, an order and a page.

    Args:
        text: Part of a name, owner, label, project or commit; empty for any.
        state: One of `STATES`; empty for any.
        environment: Exactly; empty for any.
        owner: Exactly; empty for any.
        region: Exactly; empty for any.
        label: `key:value`, or a key alone; empty for any.
        kind: Of what the timeline tells; empty for any.
        sort: One of `ORDERS`.
        reverse: The other way round than what is useful first.
        page: From 1.
    """

    text: str = ""
    state: str = ""
    environment: str = ""
    owner: str = ""
    region: str = ""
    label: str = ""
    kind: str = ""
    sort: str = "needs"
    reverse: bool = False
    page: int = 1

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Query:
        """Read the parameters of a URL."""
        asked = {key: value[:_LONGEST] for key, value in said.items()}
        number = asked.get("page", "")
        return cls(
            asked.get("q", "").strip(),
            asked.get("state", "") if asked.get("state") in STATES else "",
            asked.get("env", ""),
            asked.get("owner", "") or asked.get("team", ""),
            asked.get("region", ""),
            asked.get("label", ""),
            asked.get("kind", ""),
            asked.get("sort", "") if asked.get("sort") in ORDERS else "needs",
            asked.get("order") == "reverse",
            int(number) if number.isascii() and number.isdigit() and 0 < len(number) < len("100000") else 1,
        )

    def parameters(self) -> dict[str, str]:
        """Give it as parameters of a URL, without what goes without saying."""
        told = {
            "q": self.text,
            "state": self.state,
            "env": self.environment,
            "owner": self.owner,
            "region": self.region,
            "label": self.label,
            "kind": self.kind,
            "sort": "" if self.sort == "needs" else self.sort,
            "order": "reverse" if self.reverse else "",
            "page": str(self.page) if self.page > 1 else "",
        }
        return {key: value for key, value in told.items() if value}

    def sorted_by(self, order: str) -> Query:
        """Give the query of a column's head: that order, the other way round where it is the one already."""
        return replace(self, sort=order, reverse=self.sort == order and not self.reverse, page=1)

    def at(self, page: int) -> Query:
        """Give the query of another page."""
        return replace(self, page=page)

    def only(self, state: str) -> Query:
        """Give the query of a state, or of any where it is that one already."""
        return replace(self, state="" if self.state == state else state, page=1)

    @property
    def downwards(self) -> bool:
        """Tell whether the largest value is first."""
        return (self.sort in _HIGHEST_FIRST) != self.reverse

    @property
    def is_filtered(self) -> bool:
        """Tell whether anything is left out."""
        return bool(self.text or self.state or self.environment or self.owner or self.region or self.label or self.kind)
