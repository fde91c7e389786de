"""Files of skops: objects of types on a list, and nothing else.

skops' own list has scikit-learn's estimators and what they are made of, but for trees: a file can make those lead out
of themselves, so skops leaves them to who looks at their content. That is done here, and in `sklearn_trees`. What else
a file holds, the spec has to name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from runtime.frameworks import LoadError, sklearn_parts, sklearn_trees, skops_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings

# Beyond skops' own list. These are data to methods of scikit-learn's, and call nothing that those did not tell them.
_LOOKED_AT = (
    "functools.partial",  # of what is trusted itself
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(
        f"sklearn.gaussian_process.kernels.{kernel}"
        for kernel in (
            "CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Hyperparameter",
            "Matern", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel",
        )
    ),
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
    # Scores that features were chosen by: functions of two arrays, which are not called any more.
    *(f"sklearn.feature_selection._univariate_selection.{score}" for score in ("chi2", "f_classif", "f_regression")),
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
)  # fmt: skip
TRUSTED = (*_LOOKED_AT, *sklearn_trees.CHECKED, *skops_nodes.SPARSE)
"""The latter for what they are made of only, which is checked."""
_FUNCTIONS = frozenset(
    name for name in TRUSTED if name.rpartition(".")[2].islower() and not name.startswith(("functools.", "numpy."))
)

_LONGEST = 64 << 20
"""Bytes of what describes a file's objects."""
_SURELY_FINE, _MOST_TIMES = 256 << 20, 100
"""Bytes that a file may unpack to whatever it is; beyond, how many times its own."""


def read(file: Path, settings: ModelSettings) -> Any:
    """Make the object of a file.

    Raises:
        LoadError: It holds types that nobody trusts, which are named, trees that lead out of themselves, or is corrupt.
    """
    try:
        return _read(file, settings)
    except LoadError:
        raise
    except sklearn_trees.Impossible as error:
        raise LoadError(f"{file.name} is refused: {error}") from error
    except Exception as error:  # a corrupt zip raises whatever it was that broke
        raise LoadError(f"skops cannot read {file.name}: {error}") from error


def _read(file: Path, settings: ModelSettings) -> Any:
    # Internal to skops, as its `load` makes what it has not shown to anybody.
    from skops.io._audit import get_tree  # noqa: PLC0415 - a second the other formats need not pay
    from skops.io._utils import read_schema  # noqa: PLC0415 - the same

    named = set(settings.trusted_types)
    trusted = [*TRUSTED, *named]
    with ZipFile(file) as content:
        _check_sizes(content, file)
        node = get_tree(*read_schema(content), trusted=trusted)
        nodes, objects = list(skops_nodes.each(node)), _objects()
        strange = skops_nodes.strange(nodes, objects, {*trusted})
        if strange and not settings.allow_code:
            raise LoadError(f"{file.name} holds types that nobody trusts: {_remedied(sorted(strange), settings)}")
        named |= strange
        skops_nodes.check(nodes, objects, _FUNCTIONS, named)
        _check_nodes(nodes)
        made = node.construct()
    sklearn_parts.check(made, named)
    sklearn_trees.check(made)
    return made


def _check_sizes(content: ZipFile, file: Path) -> None:
    """Refuse what unpacks to far more than it is, before anything is.

    Raises:
        LoadError: It does, or describes itself at a length that no model has.
    """
    sizes = {each.filename: each.file_size for each in content.infolist()}
    most = max(_SURELY_FINE, _MOST_TIMES * file.stat().st_size)
    if sum(sizes.values()) > most or sizes.get("schema.json", 0) > _LONGEST:
        raise LoadError(f"{file.name} is refused: it unpacks to {sum(sizes.values()) >> 20} MiB, which no model needs")


def _objects() -> set[str]:
    """Name the types whose objects may have the attributes of a file."""
    from skops.io import _trusted_types as known  # noqa: PLC0415 - a second the other formats need not pay

    theirs = [*known.SKLEARN_ESTIMATOR_TYPE_NAMES, *known.SKLEARN_INTERNAL_TYPE_NAMES]
    return (
        {*sklearn_parts.reviewed(theirs), *_LOOKED_AT, *sklearn_trees.CHECKED}
        - _FUNCTIONS
        - {"functools.partial", "numpy.dtype"}
    )


def _remedied(strange: list[str], settings: ModelSettings) -> str:
    flag = ", or --allow-code for a folder that you trust" if settings.local else ""
    return f"{', '.join(strange)}; if you know what they do, name them in model.trustedTypes of the spec{flag}"


def _check_nodes(nodes: list[Any]) -> None:
    """Check how a file makes trees, and of what, before any is made.

    Raises:
        Impossible: In another way than skops writes, or of what does not fit together.
    """
    trees = [node for node in nodes if type(node).__name__ == "TreeNode"]
    known = {id(part) for tree in trees for part in (tree, tree.children["constructor"])}
    for node in nodes:
        if f"{node.module_name}.{node.class_name}" == sklearn_trees.TREE and id(node) not in known:
            raise sklearn_trees.Impossible("it has a tree that is made in another way than skops does")
    for tree in trees:
        made_of = [tree.children["args"], tree.children["attrs"]]
        if {type(part).__name__ for part in skops_nodes.each(made_of)} - skops_nodes.PLAIN:
            raise sklearn_trees.Impossible("it has a tree that is made of something else")
        sklearn_trees.check_made_of(*(part.construct() for part in made_of))
