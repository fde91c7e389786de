"""What a skops file is about to be made of, checked while it is only a description: each node once.

skops asks of a node whether somebody trusts the type that it names, and not whether that is what it makes; it asks
again wherever the node is referred to, which doubles with every level. Here each node is asked once, and what is made
has to be what was named.

Source: skops 0.16, `skops/io/_audit.py` and the nodes beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.frameworks.sklearn_trees import TREE, Impossible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SPARSE = tuple(f"scipy.sparse._{kind}.{kind}_{sort}" for kind in ("csr", "csc") for sort in ("matrix", "array"))
"""The sparse matrices whose places are looked at."""
_BUILT_IN = {
    "BytearrayNode": {"builtins.bytearray"},
    "BytesNode": {"builtins.bytes"},
    "DTypeNode": {"numpy.dtype"},
    "DefaultDictNode": {"collections.defaultdict"},
    "DictNode": {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"},
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "MaskedArrayNode": {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
    "PartialNode": {"functools.partial"},
    "RandomGeneratorNode": {"numpy.random._generator.Generator"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "SetNode": {"builtins.set"},
    "SliceNode": {"builtins.slice"},
    "SparseMatrixNode": set(SPARSE),
    "TreeNode": {TREE},
    "TupleNode": {"builtins.tuple", "sklearn.gaussian_process.kernels.Hyperparameter"},
}
"""What each sort of node makes, however it is called in a file."""
# Of what the spec names these may make anything: it is called as if it were a pickle.
_OF_THE_SPEC = frozenset({"ConstructorFromReduceNode", "FunctionNode", "MethodNode", "ObjectNode", "OperatorFuncNode",
                          "TupleNode", "TypeNode"})  # fmt: skip
# What a tree or a generator is made of may be written in these only: they call nothing.
PLAIN = frozenset({"CachedNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "TupleNode", "TypeNode"})
# Values of a table of objects, and places in the state of MT19937.
_VALUES, _PLACES = 10_000_000, 624
_POOL = 64


def each(node: Any) -> Iterator[Any]:
    """Give all nodes of a file, each once: what they are made of is among their children."""
    waiting, seen = [node], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, dict)):
            waiting += one.values() if isinstance(one, dict) else one
        elif hasattr(one, "children") and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += one.children.values()


def name_of(node: Any) -> str:
    """Give the full name of the type that a node says it makes."""
    return f"{node.module_name}.{node.class_name}"


def strange(nodes: Iterable[Any], objects: Collection[str], named: Collection[str]) -> set[str]:
    """Find the types that nobody trusts.

    Args:
        nodes: Of the whole file, each once.
        objects: Types whose objects are trusted with attributes of a file.
        named: Those that the spec trusts as well.
    """
    found = set[str]()
    for node in nodes:
        kept, node.children = node.children, {}  # its children are asked by themselves
        try:
            found |= node.get_unsafe_set()
        finally:
            node.children = kept
        if type(node).__name__ == "ObjectNode" and name_of(node) not in objects:
            found.add(name_of(node))
    return found - set(named)


def check(nodes: Iterable[Any], objects: Collection[str], functions: Collection[str], named: Collection[str]) -> None:
    """Check that nodes make what they say, and arrays what scikit-learn may read, before any object is made.

    Args:
        nodes: Of the whole file, each once.
        objects: Types whose objects are trusted with attributes of a file.
        functions: Functions that are trusted with arguments of a file.
        named: Types and functions that the spec trusts as well.

    Raises:
        Impossible: One makes something else.
    """
    from skops.io import _trusted_types as trusted  # noqa: PLC0415 - a second the other formats need not pay
    from skops.io._sklearn import ALLOWED_LOSSES  # noqa: PLC0415 - the same

    losses = {f"{loss.__module__}.{loss.__name__}" for loss in ALLOWED_LOSSES}
    # A loss may be defined in a module of another name than it says.
    losses |= {name for module in ("sklearn._loss._loss", "sklearn.linear_model._sgd_fast")
               for name in (f"{module}.{loss.__name__}" for loss in ALLOWED_LOSSES)}  # fmt: skip
    numbers = {"numpy.ndarray", *trusted.NUMPY_DTYPE_TYPE_NAMES}
    types = {*trusted.PRIMITIVE_TYPE_NAMES, *trusted.CONTAINER_TYPE_NAMES, *trusted.NUMPY_DTYPE_TYPE_NAMES}
    makes: dict[str, Collection[str]] = {
        **_BUILT_IN,
        "FunctionNode": {*trusted.NUMPY_UFUNC_TYPE_NAMES, *trusted.SCIPY_UFUNC_TYPE_NAMES, *functions},
        "LossNode": losses,
        "NdArrayNode": numbers,
        "ObjectNode": set(objects) - set(functions),
        "TypeNode": {*types, *losses, TREE},
    }
    for node in nodes:
        sort, name = type(node).__name__, name_of(node)
        if type(node).__module__.startswith("skops.io.old"):
            raise Impossible(f"it has a {name} of an older skops, which has to save it again")
        if sort == "CachedNode" or (sort in _OF_THE_SPEC and name in named):
            continue
        if name not in makes.get(sort, ()):
            raise Impossible(f"it says {name} where {sort.removesuffix('Node')} makes something else")
        _LOOKS.get(sort, _nothing)(node)


def _nothing(node: Any) -> None:
    del node


def _check_array(node: Any) -> None:
    if node.type == "numpy":
        made = node.construct()
        if not (type(made) is np.ndarray if name_of(node) == "numpy.ndarray" else isinstance(made, np.generic)):
            raise Impossible(f"it says {name_of(node)} of something else")
    elif _values(node.items, {}) > _VALUES:
        raise Impossible("it has a table that refers to itself over and over")


def _values(node: Any, known: dict[int, int]) -> int:
    """Count what a list comes to that numpy lays out as a table."""
    held = node if isinstance(node, list) else node.children.get("content")
    held = held if isinstance(held, list) else None
    if held is None:
        return 1
    if id(held) not in known:
        known[id(held)] = _VALUES + 1  # in itself it has no end
        known[id(held)] = sum(_values(one, known) for one in held)
    return known[id(held)]


def _check_sparse(node: Any) -> None:
    """Check a sparse matrix as scipy does it for who asks: products follow its places without a look."""
    made = node.construct()
    if f"{type(made).__module__}.{type(made).__qualname__}" != name_of(node):
        raise Impossible(f"it says {name_of(node)} of another matrix")
    try:
        made.check_format(full_check=True)
        if made.nnz and not 0 <= made.indices.min() <= made.indices.max() < made._swap(made.shape)[1]:  # noqa: SLF001 - rows or columns
            raise ValueError("places that it has not")  # noqa: TRY301 - as scipy says the rest
    except ValueError as error:
        raise Impossible(f"it has a sparse matrix that leads out of itself: {error}") from error


def _check_partial(node: Any) -> None:
    if type(node.func).__name__ != "FunctionNode":
        raise Impossible("it has a partial of something that is no function")


def _check_random(node: Any) -> None:
    """Check the place of a generator in its state, which numpy takes as it is."""
    if {type(part).__name__ for part in each(node.content)} - PLAIN:
        raise Impossible("it has a generator that is made of something else")
    state = node.content.construct()
    if state.get("bit_generator") != "MT19937" or not 0 <= int(state["state"]["pos"]) <= _PLACES:
        raise Impossible("it has a generator that leads out of itself")


def _check_generator(node: Any) -> None:
    """Check that a generator is one whose state is two large numbers, and has no places that lead anywhere."""
    parts = [part for made in (node.bit_generator_state, node.seed_seq_state) for part in each(made)]
    if {type(part).__name__ for part in parts} - PLAIN or node.bit_generator_name != "PCG64":
        raise Impossible("it has a generator that is made of something else")
    if not 0 < int(node.seed_seq_state.construct().get("pool_size", 4)) <= _POOL:
        raise Impossible("it has a generator of another size")


_LOOKS = {
    "NdArrayNode": _check_array,
    "PartialNode": _check_partial,
    "RandomGeneratorNode": _check_generator,
    "RandomStateNode": _check_random,
    "SparseMatrixNode": _check_sparse,
}
