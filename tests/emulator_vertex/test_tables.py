"""CSV and JSON Lines as a monitoring job reads them: what is counted, and what is refused in words without values."""

import gzip
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest

from emulator.apis.aiplatform.monitoring import files
from emulator.apis.aiplatform.monitoring.tables import Field, Window, twice
from emulator.core.failures import ApiFailure
from emulator.statistics.profiles import profile

NUMBER, TEXT, FLAG, CODE = Field("float"), Field("string"), Field("boolean"), Field("categorical")
SECRET = "someone@example.com"
DAY = Window("at", datetime(2026, 11, 25, 6, tzinfo=UTC), datetime(2026, 11, 26, 6, tzinfo=UTC))
CSV = b'x,name,flag,other\n1.5,a,true,7\n,"b, or c",false,7\nNaN,,true,7\n-inf,a,,7\n'
LINES = b"""{"x": 1, "flag": true, "code": 3, "many": [1, 2]}
{"x": null, "flag": false, "code": 3, "many": []}
{"x": 2.5, "code": 4, "many": null, "extra": {"deep": 1}}
"""


def read(tmp_path, content, fields, name="rows.csv", window=None):
    """A profile of a file."""
    path = tmp_path / "blob"
    path.write_bytes(content)
    how = files.read_json_lines if ".jsonl" in name else files.read_csv
    with twice(partial(how, path, name, fields, window)) as again:
        return profile(again)


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_cells(tmp_path, name):
    """An empty cell is missing, NaN and infinities are numbers, columns nobody asked for are left alone."""
    content = gzip.compress(CSV) if name.endswith(".gz") else CSV
    found = read(tmp_path, content, {"flag": FLAG, "x": NUMBER, "name": TEXT}, name)
    x, text, flag = found.columns["x"], found.columns["name"], found.columns["flag"]

    assert found.rows == 4
    assert (x.present, x.missing, x.nan, x.below, x.low) == (3, 1, 1, 1, 1.5)
    assert (dict(text.top()), text.missing) == ({"a": 2, "b, or c": 1}, 1)
    assert (dict(flag.top()), flag.missing) == ({"true": 2, "false": 1}, 1)


def test_lines(tmp_path):
    """Lists are flattened, numbers that are codes are labels, a key that a row lacks is missing there."""
    fields = {"x": NUMBER, "flag": FLAG, "code": CODE, "many": Field("integer", repeated=True)}
    found = read(tmp_path, LINES, fields, "rows.jsonl")
    x, many, code = found.columns["x"], found.columns["many"], found.columns["code"]

    assert (x.present, x.missing, x.high) == (2, 1, 2.5)
    assert (many.present, many.missing, many.values) == (2, 1, 2)
    assert dict(code.top()) == {"3": 2, "4": 1}
    assert dict(found.columns["flag"].top()) == {"true": 1, "false": 1}


def test_many_rows_in_many_blocks(tmp_path, monkeypatch):
    """The same profile from one block as from hundreds."""
    monkeypatch.setattr(files, "BLOCK_BYTES", 512)
    values = np.random.default_rng(3).normal(size=3000).round(4)
    found = read(
        tmp_path, b"x,c\n" + b"".join(b"%r,k%d\n" % (float(v), v > 0) for v in values), {"x": NUMBER, "c": CODE}
    )

    assert found.columns["x"].standard().counts.tolist() == np.histogram(values, 10)[0].tolist()
    assert dict(found.columns["c"].top()) == {"k1": int((values > 0).sum()), "k0": int((values <= 0).sum())}


@pytest.mark.parametrize("sort", ["csv", "jsonl"])
def test_a_window_has_its_start_and_not_its_end(tmp_path, sort):
    """Times as BigQuery, Python and JavaScript write them; a row without one is in no window."""
    times = [
        "2026-11-25T05:59:59Z",
        "2026-11-25 06:00:00 UTC",
        "2026-11-26 05:59:59.999999+00:00",
        "2026-11-26T06:00:00Z",
    ]
    if sort == "csv":
        content = "at,x\n" + "".join(f"{at},{n}\n" for n, at in enumerate([*times, ""]))
    else:
        content = "".join(f'{{"at": "{at}", "x": {n}}}\n' for n, at in enumerate(times)) + '{"at": null, "x": 4}\n'
    found = read(tmp_path, content.encode(), {"x": NUMBER}, f"rows.{sort}", DAY)

    assert (found.rows, found.columns["x"].low, found.columns["x"].high) == (2, 1, 2)


@pytest.mark.parametrize(
    ("file", "fields", "window", "words"),
    [
        pytest.param(
            ("a.csv", b"x,y\n1,2\n"), {"x": NUMBER, "q": TEXT, "z": NUMBER}, None, "q, z", id="all-absent-columns"
        ),
        pytest.param(("a.jsonl", b'{"x": 1}\n'), {"x": NUMBER, "q": TEXT}, None, "q", id="a-field-no-line-has"),
        pytest.param(
            ("a.csv", f"x\n1\n{SECRET}\n".encode()), {"x": NUMBER}, None, "not of the field's type", id="text"
        ),
        pytest.param(("a.jsonl", f'{{"x": "{SECRET}"}}\n'.encode()), {"x": NUMBER}, None, "/x", id="text-in-json"),
        pytest.param(("a.jsonl", f"{SECRET}\n".encode()), {"x": NUMBER}, None, "declared format", id="no-json"),
        pytest.param(("a.jsonl", b'{"x": {"y": 1}}\n'), {"x": CODE}, None, "nested", id="nested"),
        pytest.param(("a.csv", b"x\n1\n"), {"x": Field("float", repeated=True)}, None, "repeated", id="lists-in-csv"),
        pytest.param(("a.csv", f"at,x\n{SECRET},1\n".encode()), {"x": NUMBER}, DAY, "no time", id="no-time"),
        pytest.param(("a.csv", b""), {"x": NUMBER}, None, "x", id="an-empty-file"),
        pytest.param(("a.csv.gz", b"x\n1\n"), {"x": NUMBER}, None, "a.csv.gz", id="not-zipped"),
        pytest.param(("a.csv", b"x,y\n1,2,3\n"), {"x": NUMBER}, None, "declared format", id="a-ragged-row"),
    ],
)
def test_what_cannot_be_read(tmp_path, file, fields, window, words):
    """Refused with the file and the columns, never with a value: it may be personal."""
    with pytest.raises(ApiFailure) as refused:
        read(tmp_path, file[1], fields, file[0], window)

    assert refused.value.code == "INVALID_ARGUMENT"
    assert words in refused.value.message
    assert SECRET not in refused.value.message


def test_what_is_no_text(tmp_path):
    """Bytes that are not UTF-8 are one value, as in TFDV."""
    found = read(tmp_path, b"x\n\xff\xfe\n\xff\na\n", {"x": TEXT})

    assert dict(found.columns["x"].top()) == {"__BYTES_VALUE__": 2, "a": 1}
