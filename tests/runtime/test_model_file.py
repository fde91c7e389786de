"""`model.yaml` is read as the spec is: YAML 1.2, nothing said twice, no key that is no word."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runtime.configuration.settings import Feature, ModelSettings, Prediction, SettingsError, with_folder

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, text: str) -> ModelSettings:
    """Read a folder's settings, with none from elsewhere."""
    (folder / "model.yaml").write_text(text, encoding="utf-8")
    return with_folder(ModelSettings(), folder, local=False)


def test_text_is_as_it_was_written(tmp_path):
    """YAML 1.1 makes 1.1 of `1.10`, false of `no`, a date of a day: as names and categories they are other ones."""
    found = read(
        tmp_path, "version: 1.10\nname: no\nalias: 2026-11-20\nfeatures: {a: {type: category, values: [no, 010, 1.0]}}"
    )

    assert (found.version, found.name, found.alias) == ("1.10", "no", "2026-11-20")
    assert found.features["a"].values == ("no", "010", "1.0")


def test_all_of_the_sections_words(tmp_path):
    """What is for the monitor only may stand there too; a key with nothing behind it counts as not written."""
    text = (
        "framework: onnx\nfeatures:\n  a: {type: number, min: 0, max: 1.5, nullable: true, monitor: false}\n"
        "  b: {type: integer, log: false}\nprediction: {name: p, type: category, values: [x, y]}\nalias:\n"
    )
    found = read(tmp_path, text)

    assert found.framework == "onnx"
    assert found.features == {"a": Feature("number", 0, 1.5, nullable=True), "b": Feature("integer", log=False)}
    assert list(found.features) == ["a", "b"]
    assert found.prediction == Prediction("p", "category")
    assert found.alias is None


KEYS = "versoin: 1\nfeatures:\n  a: {tpye: number}\n"
WRONG = {
    KEYS: [
        "1:1: versoin is no key; did you mean version?",
        "3:7: features.a.tpye is no key; did you mean type?",
        "3:6: features.a.type is missing",
    ],
    "name: a\nname: b\n": ['2:1: the key "name" stands here twice; it stands at line 1, column 1 already'],
    "features: {a: {type: number, min: '0'}}": ["1:35: features.a.min: Expected `float`, got `str`"],
    "features: {a: {type: real}}": ["1:22: features.a.type: Invalid enum value 'real'"],
    "features: {a: {type: number, nullable: yes}}": ["1:40: features.a.nullable: Expected `bool`, got `str`"],
    "features: [a, b]": ["1:11: features is no mapping; write keys below it"],
    "features: {a: {type: category, values: x}}": ["1:40: features.a.values is no list"],
    "name: [a]": ["1:7: name is one value"],
    "features:\n  a: {type: number, min: 5, max: 1}": [
        "2:34: features.a.max is 1, below min (5); no value would be within"
    ],
    "features: {a: {type: number, min: .inf}}": ["1:35: features.a.min is inf, which is no bound; leave it out"],
    "features: {a: {type: category, values: [x, y, x]}}": [
        "1:40: features.a.values has 'x' twice; write each category once"
    ],
    "name: a/b\nversion: ..": [
        "1:7: name is 'a/b', which stands in no path; write no slash and no control character",
        "2:10: version is '..', which stands in no path; write no slash and no control character",
    ],
    "- a": ["1:1: the file is no mapping; write keys below it"],
    "local: true\nallowCode: 1": ["1:1: local is no key", "2:1: allowCode is no key; did you mean allowPickle?"],
    "name: a\n---\nname: b\n": [" it has 2 documents; a model has one"],
    "name: &a x\nversion: *b\n": ["2:10: no anchor &b before this alias"],
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text.partition("\n")[0])
def test_what_is_wrong_is_told_with_its_place(tmp_path, text):
    """All of it at once, a line each."""
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)

    assert str(refused.value).splitlines() == [f"model.yaml:{problem}" for problem in WRONG[text]]


def test_leave_is_not_the_folders_to_give(tmp_path):
    """Who can replace a file can replace the leave: types that are trusted are the spec's to name, as a pickle is."""
    found = read(tmp_path, f"allowPickle: true\nsha256: {'0' * 64}\ntrustedTypes: [os.system]\n")

    assert (found.allow_pickle, found.sha256, found.trusted_types) == (False, None, ())


def test_reading_it_imports_no_more_than_it_takes(tmp_path):
    """A cold start with a `model.yaml` does not import the whole language of specs, nor pydantic."""
    (tmp_path / "model.yaml").write_text("name: a\n")
    code = (
        "import sys; from pathlib import Path; from runtime.configuration.settings import ModelSettings, with_folder; "
        f"with_folder(ModelSettings(), Path({str(tmp_path)!r}), local=False); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"pydantic", "pydantic_core", "schemas.loader", "schemas.service"} & set(run.stdout.split())


def test_a_folder_of_that_name_is_refused(tmp_path):
    """Passed over without a word, it would be settings that somebody wrote and nobody reads."""
    (tmp_path / "model.yaml").mkdir()

    with pytest.raises(SettingsError, match=r"model\.yaml is a folder; give it another name"):
        with_folder(ModelSettings(), tmp_path, local=False)
