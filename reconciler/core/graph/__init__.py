"""The resources of a service and what flows between them, as data."""

from __future__ import annotations

from reconciler.core.graph.drawing import graph_of
from reconciler.core.graph.record import FORMAT, Edge, Graph, Line, Node, State

__all__ = ["FORMAT", "Edge", "Graph", "Line", "Node", "State", "graph_of"]
