"""What a column takes: all that it does not is told of the row, and DuckDB never sees it."""

import pytest

from emulator.apis.bigquery import cells
from emulator.apis.bigquery.schema import Field

HALF = "\ud800"
REFUSED = [
    ("INTEGER", "1_0"),
    ("INTEGER", "\u0661"),
    ("INTEGER", True),
    ("FLOAT", "1_0"),
    ("FLOAT", "1e999"),
    ("FLOAT", 10**400),
    ("FLOAT", "\u0661.5"),
    ("NUMERIC", "1_0"),
    ("NUMERIC", "99999999999999999999999999999.9999999995"),
    ("NUMERIC", "-99999999999999999999999999999.9999999995"),
    ("NUMERIC", "nan"),
    ("NUMERIC", "1e999999999"),
    ("TIMESTAMP", "1e999999999"),
    ("STRING", f"a{HALF}"),
    ("STRING", "a\0"),
    ("JSON", f'{{"a": "{HALF}"}}'),
    ("JSON", '{"a": "\\ud800"}'),
    ("JSON", {HALF: 1}),
    ("JSON", "NaN"),
    ("JSON", '{"a": 1e999}'),
    ("JSON", [float("nan")]),
    ("BYTES", HALF),
    ("DATE", HALF),
]
TAKEN = [
    ("INTEGER", " 10 ", "10"),
    ("INTEGER", 1.0, "1"),
    ("FLOAT", "1e3", "1000.0"),
    ("FLOAT", "NaN", "nan"),
    ("NUMERIC", "99999999999999999999999999999.9999999994", "99999999999999999999999999999.999999999"),
    ("NUMERIC", 1e-30, "0.000000000"),
    ("STRING", "\U0001f600", "\U0001f600"),
    ("JSON", '{"ü": [1, null]}', '{"ü":[1,null]}'),
    ("TIMESTAMP", "1.5e9", "2017-07-14 02:40:00+00:00"),
]


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_value_that_is_none_of_its_type_is_told_of_its_row(kind, value):
    """Whatever Python itself would take for one."""
    with pytest.raises(cells.CellError, match="Cannot convert value"):
        cells.row((Field("a", kind),), {"a": value}, unknown=False)


@pytest.mark.parametrize(("kind", "value", "written"), TAKEN)
def test_a_value_of_its_type_is_written_for_duckdb(kind, value, written):
    """As its cast takes it."""
    assert cells.row((Field("a", kind),), {"a": value}, unknown=False) == {"a": written}
