"""Files of skops: objects of types on a list, and nothing else.

skops' own list has scikit-learn's estimators and what they are made of, but for trees: a file can make those lead out
of themselves, so skops leaves them to who looks at their content. That is done here, and in `sklearn_trees`. What else
a file holds, the spec has to name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from runtime.frameworks import LoadError, sklearn_trees

if TYPE_CHECKING:
    from collections.abc import Iterator
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
TRUSTED = (*_LOOKED_AT, *sklearn_trees.CHECKED)
"""The latter for what they are made of only, which is checked."""
# What a tree is made of may be written in these only: they call nothing.
_PLAIN = frozenset({"CachedNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "TupleNode", "TypeNode"})


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

    trusted = [*TRUSTED, *settings.trusted_types]
    with ZipFile(file) as content:
        strange = get_tree(*read_schema(content), trusted=trusted).get_unsafe_set() - set(trusted)
        if strange and not settings.allow_code:
            raise LoadError(f"{file.name} holds types that nobody trusts: {_remedied(sorted(strange), settings)}")
        node = get_tree(*read_schema(content), trusted=[*trusted, *strange])
        _check_nodes(list(_nodes(node)))
        made = node.construct()
    sklearn_trees.check(made)
    return made


def _remedied(strange: list[str], settings: ModelSettings) -> str:
    flag = ", or --allow-code for a folder that you trust" if settings.local else ""
    return f"{', '.join(strange)}; if you know what they do, name them in model.trustedTypes of the spec{flag}"


def _nodes(node: Any) -> Iterator[Any]:
    """Give all nodes of a file, each once: what they are made of is among their children."""
    waiting, seen = [node], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, (list, dict)):
            waiting += each.values() if isinstance(each, dict) else each
        elif hasattr(each, "children") and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += each.children.values()


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
        if {type(part).__name__ for one in made_of for part in _nodes(one)} - _PLAIN:
            raise sklearn_trees.Impossible("it has a tree that is made of something else")
        sklearn_trees.check_made_of(*(part.construct() for part in made_of))
