"""Graphs to look at: of the specs that are here, and of hostile names."""

from pathlib import Path

from reconciler.core.graph import graph_of
from reconciler.core.graph.offline import found_offline
from reconciler.kinds import KINDS
from schemas import load

ROOT = Path(__file__).resolve().parents[2]
WHOLE = Path(__file__).parent / "mlservice.yaml"
PLACES = [WHOLE, *sorted(ROOT.glob("specs/*/mlservice.yaml")), *sorted(ROOT.glob("tests/golden/*/mlservice.yaml"))]
PROJECT = "acme"


def drawn(loaded, *, access=False):
    """Draw a service by its spec alone."""
    return graph_of(KINDS, loaded, PROJECT, found_offline(KINDS, loaded, PROJECT), access=access)


def services():
    """Services of all specs that are here, one of those that want the same sorts of objects."""
    known = set()
    for place in PLACES:
        for loaded in load([place]).services:
            sorts = frozenset(each.kind for each in found_offline(KINDS, loaded, PROJECT).made)
            if sorts not in known:
                known.add(sorts)
                yield loaded
