"""The artefacts of the examples are what their training scripts make."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

SPECS = Path(__file__).resolve().parents[2] / "specs"


def rows_of(folder: Path) -> np.ndarray:
    """Read the rows of an example as a matrix."""
    rows = json.loads((folder / "rows.json").read_text())["instances"]
    return np.array([list(r.values()) if isinstance(r, dict) else r for r in rows], np.float32)


def predictions(file: Path, rows: np.ndarray) -> list:
    """Run a graph on rows."""
    session = onnxruntime.InferenceSession(str(file))
    return session.run(None, {session.get_inputs()[0].name: rows})


@pytest.mark.parametrize("example", sorted(p.parent.name for p in SPECS.glob("*/train.py")))
def test_train_reproduces_the_artefacts(example, tmp_path):
    """Training anew gives models that predict the same, and the same rows; no artefact is large."""
    where = importlib.util.spec_from_file_location(f"train_{example}".replace("-", "_"), SPECS / example / "train.py")
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    module.main(tmp_path)

    kept = sorted((SPECS / example).glob("*/model.onnx"))
    assert kept
    for file in kept:
        rows = rows_of(SPECS / example)
        again = predictions(tmp_path / file.relative_to(SPECS / example), rows)
        for mine, theirs in zip(predictions(file, rows), again, strict=True):
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
            else:
                assert mine.tolist() == theirs.tolist()
        assert file.stat().st_size < 300_000
    assert rows_of(tmp_path).tolist() == rows_of(SPECS / example).tolist()
