"""What each format of a model may run, and that it does so with leave only: a test per line of docs/model-files.md."""

import hashlib
import io
import json
import os
import pickle
import py_compile
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from runtime.configuration.settings import Feature, ModelSettings, SettingsError, with_folder
from runtime.data.folders import SourceError
from runtime.frameworks import ENDINGS, LoadError, load
from runtime.serving import source
from tests.late import needed

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "model-files.md"
CLASS = "class Model:\n    def predict(self, inputs): return inputs['a']\n"
REFUSED = r"runs code when it is loaded|the spec says 0000"
FEATURES = {"a": Feature("number"), "b": Feature("number")}


@dataclass
class Payload:
    """What a stranger would pickle: unpickled, it makes a folder."""

    mark: Path

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def loaded(folder: Path, *, local: bool = False, **said):
    """Load a folder as one that was copied from a bucket, with what the spec says."""
    return load(folder, with_folder(ModelSettings(**said), folder, local=local))


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path) -> Path:
    found = tmp_path / "model"
    found.mkdir()
    return found


@pytest.fixture
def mark(tmp_path) -> Path:
    """What is there once a stranger's code ran."""
    return tmp_path / "ran"


def test_the_list_names_every_format_and_its_tests():
    """Each ending that the server loads has a line in the list, and each line has tests that are here."""
    lines = LIST.read_text().partition("| Format |")[2].partition("\n\n")[0].splitlines()[2:]
    here = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))

    assert {ending for ending in ENDINGS if not any(f"`{ending}`" in line for line in lines)} == set()
    for line in lines:
        named = re.findall(r"`(test_\w+)`", line)
        assert named, line
        assert [name for name in named if f"def {name}(" not in here] == []


@pytest.mark.parametrize("ending", sorted({e for e in ENDINGS if e != ".py"}))
def test_a_pickle_under_any_name_is_not_unpickled(folder, mark, ending):
    """Whatever a file is called, and whichever framework is named for it, a pickle in it stays closed without leave."""
    (folder / f"model{ending}").write_bytes(pickle.dumps(Payload(mark)))
    for framework in (None, "onnx", "sklearn", "xgboost", "lightgbm", "torch"):
        with pytest.raises(LoadError):
            loaded(folder, framework=framework, file=f"model{ending}")

    assert not mark.exists()


@pytest.mark.parametrize("ending", [".joblib", ".pkl", ".pickle"])
def test_a_pickle_runs_with_leave_only(folder, mark, ending):
    """It is code: the spec's word and the file's digest let it run, and nothing of the folder's own does."""
    file = folder / f"model{ending}"
    file.write_bytes(pickle.dumps(Payload(mark)))
    (folder / "model.yaml").write_text(f"allowPickle: true\nsha256: {digest(file)}\n")
    for local in (False, True):
        for said in ({}, {"allow_pickle": True}, {"sha256": digest(file)}):
            with pytest.raises(LoadError, match="runs code when it is loaded"):
                loaded(folder, local=local, **said)
    with pytest.raises(LoadError, match="the spec says 0000"):
        loaded(folder, allow_pickle=True, sha256="0" * 64)
    assert not mark.exists()

    loaded(folder, allow_pickle=True, sha256=digest(file), features={"x": Feature("number")})

    assert mark.exists()


def test_a_pickle_takes_no_array_from_the_file_beside_it(folder, mark):
    """Old joblib files name arrays in files next to them, whose digest nobody gave, and which may be pickles too."""
    from joblib.numpy_pickle_compat import NDArrayWrapper  # noqa: PLC0415 - seconds

    beside = io.BytesIO()
    np.save(beside, np.array([Payload(mark)], object), allow_pickle=True)
    (folder / "beside.npy").write_bytes(beside.getvalue())
    file = folder / "model.joblib"
    file.write_bytes(pickle.dumps(NDArrayWrapper("beside.npy", np.ndarray)))

    with pytest.raises(LoadError):
        loaded(folder, allow_pickle=True, sha256=digest(file))

    assert not mark.exists()


def test_skops_calls_nothing_that_it_does_not_know(folder, mark):
    """A type outside its own list is refused by name, before it is made; objects in its arrays stay closed."""
    import skops.io  # noqa: PLC0415 - seconds
    from sklearn.preprocessing import FunctionTransformer  # noqa: PLC0415 - seconds

    (folder / "model.skops").write_bytes(skops.io.dumps(FunctionTransformer(os.mkdir, kw_args={"mode": 0o700})))
    with pytest.raises(LoadError, match="mkdir"):
        loaded(folder)
    _skops_of(folder / "model.skops", np.zeros(3), np.array([Payload(mark)], object))
    with pytest.raises(LoadError, match="allow_pickle"):
        loaded(folder)

    assert not mark.exists()


def _skops_of(file: Path, honest: np.ndarray, instead: np.ndarray) -> None:
    """Write an array as skops does, with another one in its place."""
    import skops.io  # noqa: PLC0415 - seconds

    swapped = io.BytesIO()
    np.save(swapped, instead, allow_pickle=True)
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(honest))) as given, zipfile.ZipFile(file, "w") as written:
        for name in given.namelist():
            written.writestr(name, swapped.getvalue() if name.endswith(".npy") else given.read(name))


@pytest.mark.parametrize("place", ["../secret", "absolute", "sub/../../secret"])
def test_onnx_reads_no_tensor_from_outside_the_folder(folder, tmp_path, place):
    """A graph may keep tensors in files; one elsewhere on the machine would be read out as predictions."""
    onnx = pytest.importorskip("onnx")
    (folder / "sub").mkdir()
    (tmp_path / "secret").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    place = str(tmp_path / "secret") if place == "absolute" else place
    _external(onnx, folder / "model.onnx", place)

    with pytest.raises(LoadError, match="onnxruntime cannot open"):
        loaded(folder)


def test_onnx_reads_a_tensor_from_inside_the_folder(folder):
    """Large graphs keep their tensors beside them, and load."""
    onnx = pytest.importorskip("onnx")
    (folder / "weights").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    _external(onnx, folder / "model.onnx", "weights")

    assert loaded(folder).predict({"x": np.ones((1, 4), np.float32)}, ["y"])["y"].tolist() == [[0, 1, 2, 3]]


def _external(onnx, file: Path, place: str) -> None:
    """Write a graph that multiplies by a tensor of another file."""
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": place, "offset": "0", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    of = onnx.helper
    x, y = (of.make_tensor_value_info(name, 1, [None, 4]) for name in "xy")
    graph = of.make_graph([of.make_node("Mul", ["x", "w"], ["y"])], "g", [x], [y], [tensor])
    model = of.make_model(graph, opset_imports=[of.make_opsetid("", 17)], ir_version=8)
    file.write_bytes(model.SerializeToString())


def test_onnx_loads_no_operators_from_a_library(folder):
    """An operator that is not onnxruntime's own is refused; libraries of them are registered by code of ours only."""
    onnx = pytest.importorskip("onnx")
    of = onnx.helper
    x, y = (of.make_tensor_value_info(name, 1, [None, 4]) for name in "xy")
    node = of.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib", module="os", compute="abort")
    graph = of.make_graph([node], "g", [x], [y])
    opsets = [of.make_opsetid("", 17), of.make_opsetid("ai.onnx.contrib", 1)]
    (folder / "model.onnx").write_bytes(of.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    with pytest.raises(LoadError, match="PyOp"):
        loaded(folder)


@pytest.mark.parametrize("ending", [".ubj", ".json"])
def test_xgboost_reads_attributes_as_text(folder, mark, ending):
    """A booster carries text of whoever trained it; it is kept, and neither evaluated nor unpickled."""
    xgboost = pytest.importorskip("xgboost")
    rows = np.arange(8.0).reshape(4, 2)
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, rows[:, 0]), 1)
    text = f"__import__('os').mkdir({str(mark)!r})"
    booster.set_attr(scikit_learn=text, best_iteration="0", feature_names=text)
    booster.save_model(folder / f"model{ending}")

    assert loaded(folder).predict({"input": np.float32(rows)}, ["prediction"])["prediction"].shape == (4,)
    assert not mark.exists()


def test_lightgbm_reads_categories_as_json(folder, mark):
    """The last line of its text names pandas' categories: JSON, and nothing else is taken for them."""
    lightgbm = needed("lightgbm")
    rows = np.random.default_rng(0).normal(size=(50, 2))
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, rows[:, 0]), 1)
    text = booster.model_to_string() + f"\npandas_categorical:__import__('os').mkdir({str(mark)!r})\n"
    (folder / "model.txt").write_text(text)

    with pytest.raises(LoadError, match="LightGBM cannot read"):
        loaded(folder)
    assert not mark.exists()


@pytest.mark.parametrize("ending", [".pt", ".pt2"])
def test_a_torch_program_runs_with_leave_only(folder, ending):
    """Both formats are refused before torch is imported, whatever is in them: torch runs what they say."""
    file = folder / f"model{ending}"
    file.write_bytes(b"PK")
    (folder / "model.yaml").write_text(f"framework: torch\nallowPickle: true\nsha256: {digest(file)}\n")

    for said in ({}, {"allow_pickle": True}, {"allow_pickle": True, "sha256": "0" * 64}, {"framework": "torch"}):
        with pytest.raises(LoadError, match=REFUSED):
            loaded(folder, **said)


@pytest.mark.filterwarnings("ignore")  # torch warns of the pickle that it opens
def test_an_exported_program_would_run_a_pickle(folder, mark):
    """Why it needs leave: what `weights_only` refuses torch then unpickles after all. Needs torch."""
    torch = pytest.importorskip("torch")
    program = torch.export.export(torch.nn.Linear(2, 1), (torch.zeros(2, 2),))
    honest, evil = io.BytesIO(), io.BytesIO()
    torch.export.save(program, honest)
    torch.save({"a": Payload(mark)}, evil)
    with zipfile.ZipFile(honest) as given, zipfile.ZipFile(folder / "model.pt2", "w") as written:
        for name in given.namelist():
            written.writestr(name, evil.getvalue() if "sample_inputs" in name else given.read(name))

    with pytest.raises(LoadError, match="runs code when it is loaded"):
        loaded(folder, features=FEATURES)
    assert not mark.exists()
    with pytest.raises(LoadError, match="torch cannot read"):
        loaded(folder, features=FEATURES, allow_pickle=True, sha256=digest(folder / "model.pt2"))
    assert mark.exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_would_write_a_file(folder, mark):
    """Why it needs leave: a scripted module has an operator that writes wherever it likes. Needs torch."""
    torch = pytest.importorskip("torch")
    unit = torch.jit.CompilationUnit(f"def f(x):\n    torch.save(x, {str(mark)!r})\n    return x\n")
    module = torch.jit.ScriptModule()
    module.define(f"def forward(self, x: Tensor):\n    torch.save(x, {str(mark)!r})\n    return x\n")
    assert unit.f is not None
    module.save(str(folder / "model.pt"))

    with pytest.raises(LoadError, match="runs code when it is loaded"):
        loaded(folder, features=FEATURES)
    assert not mark.exists()
    loaded(folder, features=FEATURES, allow_pickle=True, sha256=digest(folder / "model.pt"))
    assert mark.exists()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("framework: custom\nfile: 'os:abort'\n", {}, id="a-callable-of-the-image"),
        pytest.param("file: 'os:abort'\n", {"framework": "custom"}, id="a-callable-though-the-spec-says-custom"),
        pytest.param("file: os\n", {"framework": "custom"}, id="a-module"),
        pytest.param("framework: custom\nfile: model.py\n", {}, id="a-file"),
        pytest.param("framework: custom\n", {"sha256": "0" * 64}, id="the-default-file"),
    ],
)
@pytest.mark.parametrize("local", [False, True], ids=["bucket", "folder"])
def test_a_folder_names_no_code_by_itself(folder, mark, written, said, local):
    """`framework: custom` and a module are for the spec to say: a model.yaml that wants them is refused."""
    (folder / "model.yaml").write_text(written)
    (folder / "model.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n{CLASS}")

    with pytest.raises(SettingsError, match=r"^model\.yaml: (framework: custom|file: 'os)"):
        loaded(folder, local=local, **said)
    assert not mark.exists()


def test_a_class_runs_with_leave_only(folder, mark):
    """From a bucket it takes the spec's `custom` and the digest, from a folder of this machine the spec's `custom`."""
    file = folder / "model.py"
    file.write_text(f"import os\nos.makedirs({str(mark)!r}, exist_ok=True)\n{CLASS}")
    (folder / "model.yaml").write_text(f"allowPickle: true\nsha256: {digest(file)}\n")
    refused = [
        (False, {}), (True, {}), (False, {"framework": "custom"}), (False, {"sha256": digest(file)}),
        (False, {"framework": "custom", "sha256": "0" * 64}), (False, {"file": "model.py"}),
    ]  # fmt: skip
    for local, said in refused:
        with pytest.raises(LoadError, match=REFUSED):
            loaded(folder, local=local, features=FEATURES, **said)
    assert not mark.exists()

    for local, said in [(True, {}), (False, {"sha256": digest(file)})]:
        assert loaded(folder, local=local, features=FEATURES, framework="custom", **said).platform == "custom"
    assert mark.exists()


def test_a_class_is_compiled_from_what_was_checked(folder, mark):
    """Bytecode in a `__pycache__` of the bucket, which no digest is of, would be run in place of the source."""
    file = folder / "model.py"
    file.write_text(f"import os\nos.mkdir({str(mark)!r})\n{CLASS}")
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)
    file.write_text(CLASS)

    assert loaded(folder, features=FEATURES, framework="custom", sha256=digest(file)).platform == "custom"
    assert not mark.exists()


def test_the_command_line_may_allow_a_folder_of_this_machine(folder):
    """Who starts the server with `--allow-code` trusts a folder as it is; not a bucket, whose content may be new."""
    (folder / "model.py").write_text(CLASS)
    (folder / "model.yaml").write_text("framework: custom\n")

    assert loaded(folder, local=True, allow_code=True, features=FEATURES).platform == "custom"
    with pytest.raises(SettingsError, match="--allow-code is for a folder of this machine"):
        loaded(folder, allow_code=True, features=FEATURES)


def test_model_yaml_makes_no_objects(folder, mark):
    """Its tags are refused: YAML is data here."""
    (folder / "model.yaml").write_text(f"name: !!python/object/apply:os.mkdir [{json.dumps(str(mark))}]\n")

    with pytest.raises(SettingsError, match=r"model\.yaml:1:7: the tag !!python/object/apply:os\.mkdir is not allowed"):
        loaded(folder)
    assert not mark.exists()


@dataclass
class Blob:
    """An object of a bucket, as far as copying it goes."""

    name: str

    def download_to_filename(self, name: str) -> None:
        Path(name).write_text(self.name)


@pytest.mark.parametrize("name", ["m/../../outside", "m//etc/outside", "m/sub/../../../outside"])
def test_a_name_in_a_bucket_leads_nowhere_else(folder, tmp_path, name):
    """Objects may be called anything; what would be written outside of the copy is refused."""
    with pytest.raises(SourceError, match="is not inside the model folder"):
        source._copy(Blob(name), folder, "m/")

    assert sorted(tmp_path.iterdir()) == [folder]
