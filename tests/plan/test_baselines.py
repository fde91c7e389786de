"""What a baseline lacks for a spec: from what BigQuery tells of a table, and from the first lines of a file."""

import gzip
import json
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.baseline import Baseline, lacks, of_csv, of_json_lines, of_parquet, of_table
from reconciler.core.parquet import SEVERAL, UnreadableError, footer_length, read_footer
from schemas.sections.model import Model
from schemas.training_data import format_of
from tests.operating_tables import parquet

MODEL = Model.model_validate(
    {
        "features": {
            "tenure_months": {"type": "number"},
            "visits": {"type": "integer", "nullable": True},
            "plan": {"type": "category", "values": ["basic", "plus"]},
            "vip": {"type": "boolean"},
            "email": {"type": "string", "log": False, "monitor": False},
        }
    }
)
COLUMNS = {"tenure_months": "FLOAT", "visits": "INTEGER", "plan": "STRING", "vip": "BOOLEAN"}
HEADER = b"tenure_months,visits,plan,vip\n"
ROW = {"tenure_months": 3.5, "visits": None, "plan": "basic", "vip": True}


def live(columns=COLUMNS, **told):
    fields = [{"name": name, "type": kind} for name, kind in columns.items()]
    return {"type": "TABLE", "numRows": "7", "schema": {"fields": fields}, **told}


def told(baseline):
    return [summary for summary, _ in lacks(baseline, MODEL)]


def table(columns=COLUMNS, **said):
    return told(of_table("T", live(columns, **said)))


def csv(text, *, whole=True):
    return told(of_csv("F", text, whole=whole))


def lines(*rows, whole=True):
    return told(of_json_lines("F", "".join(f"{json.dumps(row)}\n" for row in rows).encode(), whole=whole))


def test_what_has_every_column_lacks_nothing():
    """Columns of features that are not compared need not be there; to BigQuery case is nothing."""
    assert table() == []
    assert table({name.upper(): kind for name, kind in COLUMNS.items()}) == []
    assert csv(HEADER + b"3.5,,basic,true\n") == []
    assert lines(ROW) == []


def test_every_column_that_is_missing_is_named_with_what_is_near():
    """Each is a problem of its own, and says what it may be called there."""
    found = list(lacks(of_table("T", live({"tenure_month": "FLOAT", "plan": "STRING", "vip": "BOOL"})), MODEL))

    assert [summary for summary, _ in found] == ['T has no column "tenure_months"', 'T has no column "visits"']
    assert found[0][1].startswith("is it `tenure_month` there?")
    assert found[1][1].startswith("columns there: tenure_month, plan, vip;")


def test_other_data_are_told_in_one_line():
    """With none of the columns it is another table, or a file without a header."""
    [(summary, hint)] = lacks(of_csv("F", b"1,2\n3,4\n", whole=True), MODEL)

    assert summary == 'F has none of the columns that are compared: "tenure_months", "visits", "plan", "vip"'
    assert "of a CSV file the first line names the columns" in hint


@pytest.mark.parametrize(
    ("column", "kind", "fits"),
    [
        ("tenure_months", "STRING", False),
        ("tenure_months", "BOOL", False),
        ("tenure_months", "NUMERIC", True),
        ("tenure_months", "INT64", True),
        ("plan", "FLOAT64", False),
        ("plan", "JSON", False),
        ("plan", "RECORD", False),
        ("plan", "INTEGER", True),
        ("vip", "INTEGER", False),
        ("vip", "STRING", True),
    ],
)
def test_a_number_is_no_text(column, kind, fits):
    """Types that cannot be compared are told; a code that is a whole number is a label."""
    found = table({**COLUMNS, column: kind})

    assert (found == []) is fits
    assert fits or f'in column "{column}"' in found[0]


def test_text_where_a_file_should_have_numbers():
    """Of a CSV file no cell is a number, of JSON Lines no value; the values themselves are never shown."""
    assert csv(HEADER + b"secret-a,1,basic,true\nsecret-b,1,plus,true\n") == [
        'F has text in column "tenure_months", which is a number for the model'
    ]
    assert csv(HEADER + b"NA,1,basic,true\n7,1,plus,true\n") == []
    unknown = HEADER + b"NA,1,basic,true\nNA,1,plus,true\n"
    assert csv(unknown + b"NA,1,ba", whole=False) == [], "numbers may follow"
    assert csv(unknown) == csv(unknown + b"low,1,plus,true\nNA,", whole=False) != []
    [found] = lines({**ROW, "tenure_months": "secret"})
    assert "secret" not in found
    assert lines({**ROW, "plan": {"a": 1}}) == ['F has objects in column "plan", which is a label for the model']


def test_nothing_in_it():
    """A table without rows, a file without lines, a header alone; whatever else is wrong is told beside it."""
    assert table(numRows="0") == ["T has no rows"]
    assert table({"plan": "STRING", "visits": "INTEGER", "vip": "BOOL"}, numRows="0") == [
        "T has no rows", 'T has no column "tenure_months"'
    ]  # fmt: skip
    assert csv(b"") == csv(HEADER) == lines() == ["F has no rows"]
    assert csv(b"") == told(of_json_lines("F", b"\n\n", whole=True))


@pytest.mark.parametrize("said", [{"type": "VIEW"}, {"type": "EXTERNAL"}, {"streamingBuffer": {"estimatedRows": "5"}}])
def test_rows_that_nobody_counted_are_no_problem(said):
    """A view and an external table tell no rows, and of a table not those that still arrive."""
    assert table(numRows="0", **said) == []


def test_a_part_of_a_file_is_taken_for_no_more_than_it_is():
    """The last line of a part is cut off, and later lines may have what may be null."""
    assert csv(HEADER + b"3.5,", whole=False) == []
    assert csv(HEADER[:20], whole=False) == []
    text = json.dumps({name: value for name, value in ROW.items() if name != "visits"}).encode() + b'\n{"tenure_mon'
    assert told(of_json_lines("F", text, whole=False)) == []
    assert told(of_json_lines("F", text[:5], whole=False)) == []
    assert told(of_json_lines("F", text.partition(b"\n")[0], whole=True)) == ['F has no column "visits"']


def test_packed_files_are_unpacked_within_bounds():
    """A few bytes that become very many are not all unpacked; a part of a packed file is read as far as it goes."""
    packed = gzip.compress(HEADER + b"a,1,basic,true\n" * 2)
    bomb = of_csv("F", gzip.compress(HEADER + b"1,1,basic,true\n" * 200_000), whole=True)

    assert csv(packed) == ['F has text in column "tenure_months", which is a number for the model']
    assert csv(packed[: len(packed) // 2], whole=False) == []
    assert told(bomb) == []
    assert told(of_csv("F", b"\x1f\x8bnot packed", whole=True)) == []


def test_very_many_problems_are_counted():
    """Of a model with hundreds of columns the first ones are named, and the others counted."""
    model = Model.model_validate({"features": {f"c{n}": {"type": "number"} for n in range(500)}})

    found = [summary for summary, _ in lacks(Baseline("T", {"c0": "FLOAT64"}), model)]

    assert len(found) == 21
    assert found[-1] == "T: 479 more columns are missing or of another type"


@given(first=st.binary(max_size=400), whole=st.booleans())
def test_whatever_bytes_there_are_nothing_breaks(first, whole):
    """Somebody else writes these files."""
    for read in (of_csv, of_json_lines):
        for summary, hint in lacks(read("F", first, whole=whole), MODEL):
            assert "\n" not in summary + hint


@pytest.mark.parametrize(
    ("uri", "form"),
    [("gs://b/a.csv", "CSV"), ("gs://b/a", "CSV"), ("gs://b/a.JSONL.gz", "JSONL"), ("gs://b/a.parquet", "PARQUET")],
)
def test_the_ending_says_the_format(uri, form):
    """As people name files."""
    assert format_of(uri) == form


NESTED = pa.struct([("a", pa.struct([("b", pa.string())])), ("c", pa.list_(pa.int64()))])
TYPES = {
    "BOOL": pa.bool_(),
    "INT64": pa.int16(),
    "FLOAT64": pa.float32(),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "NUMERIC": pa.decimal128(9, 2),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "STRUCT": NESTED,
    SEVERAL: pa.list_(pa.string()),
}


def footer_of(content):
    length = footer_length(content)
    assert length is not None
    return content[-length - 8 : -8]


@given(kinds=st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=20), rows=st.integers(0, 2))
def test_columns_of_a_parquet_file_are_read_from_its_footer(kinds, rows):
    """Names, types as BigQuery loads them, and how many rows there are: as pyarrow wrote them."""
    columns = {f"c{at}": kind for at, kind in enumerate(kinds)}
    made = pa.table({name: pa.nulls(rows, TYPES[kind]) for name, kind in columns.items()})
    footer = footer_of(parquet(made))

    found = read_footer(footer)

    assert (found.columns, found.rows) == (columns, rows)
    assert of_parquet("F", footer, whole=True).empty is (rows == 0)


def test_a_footer_is_read_as_far_as_it_tells_of_columns():
    """Of thousands of row groups nothing is read; a part that ends within the columns is no footer."""
    made = parquet(pa.table({"spend": [1.5] * 3000, "plan": ["basic"] * 3000}), row_group_size=1)
    footer = footer_of(made)

    assert read_footer(footer[:1000]) == read_footer(footer)
    assert len(footer) > 100_000
    assert of_parquet("F", footer[:20], whole=True).columns is None


@given(footer=st.binary(max_size=200))
def test_whatever_a_footer_is_nothing_breaks(footer):
    """Somebody else writes these files: no bytes make it go deep, go round, or take memory."""
    found = of_parquet("F", footer, whole=True)

    assert found.columns is None or all(isinstance(name, str) for name in found.columns)
    assert footer_length(footer) is None or footer.endswith(b"PAR1")


@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_a_damaged_footer_is_read_or_not(at, value):
    """One byte that is another one is a footer all the same, or none."""
    footer = bytearray(FOOTER)
    footer[at % len(footer)] = value

    of_parquet("F", bytes(footer), whole=True)


def thrift(value):
    """Type and bytes of a value in Thrift's compact protocol; a struct is a dictionary by number."""
    if isinstance(value, dict):
        fields = (bytes([kind, number << 1]) + data for number, (kind, data) in sorted(value.items()))
        return 12, b"".join(fields) + b"\0"
    if isinstance(value, list):
        return 9, bytes([len(value) << 4 | 12]) + b"".join(thrift(each)[1] for each in value)
    if isinstance(value, bytes):
        return 8, bytes([len(value)]) + value
    return 5, bytes([value << 1])


VALUES = st.recursive(
    st.one_of(st.integers(0, 30), st.binary(max_size=4)).map(thrift),
    lambda inner: st.one_of(
        st.dictionaries(st.integers(1, 10), inner, max_size=3).map(thrift),
        st.lists(st.dictionaries(st.integers(1, 10), inner, max_size=2), max_size=3).map(thrift),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.map_(pa.string(), pa.int64()), NESTED], ids=str)
@pytest.mark.parametrize("column", ["plan", "tenure_months"])
def test_lists_and_records_of_a_parquet_file_are_no_columns(kind, column):
    """They are loaded as records, and every job would fail: of labels as of numbers, taken by logarithm or not."""
    kinds = {"tenure_months": pa.float64(), "visits": pa.int64(), "plan": pa.string(), "vip": pa.bool_(), column: kind}
    footer = footer_of(parquet(pa.table({name: pa.nulls(1, each) for name, each in kinds.items()})))

    [found] = told(of_parquet("F", footer, whole=True))

    assert f'in column "{column}", which is a' in found


ELEMENTS = st.lists(st.dictionaries(st.sampled_from([1, 3, 4, 5, 6, 10]), VALUES, max_size=6), min_size=2, max_size=5)


@given(elements=ELEMENTS)
@example([{}, {5: thrift(1), 6: thrift([])}])
@example([{}, {6: thrift({}), 10: thrift({})}])
def test_a_value_of_another_sort_is_no_word_about_a_column(elements):
    """Whatever stands where a number, a name or a type is awaited: the footer is read, or it is none."""
    _, footer = thrift({2: thrift(elements), 3: thrift(1)})

    with suppress(UnreadableError):
        read_footer(footer)


@given(flips=st.dictionaries(st.integers(0, 10_000), st.integers(1, 255), max_size=12))
def test_of_a_damaged_footer_only_that_is_said(flips):
    """Many bytes that are others: nothing but the one error, which callers await."""
    footer = bytearray(FOOTER)
    for at, mask in flips.items():
        footer[at % len(footer)] ^= mask

    with suppress(UnreadableError):
        read_footer(bytes(footer))


FOOTER = footer_of(parquet(pa.table({f"c{at}": pa.nulls(1, kind) for at, kind in enumerate(TYPES.values())})))


def test_a_table_that_demands_a_condition_is_asked_for_no_logarithm():
    """The query has none, and would be refused at every run; read as it is, it is Google's to say."""
    baseline = of_table("T", live(requirePartitionFilter=True))

    said = [summary for summary, _ in lacks(baseline, MODEL, ["visits"])]

    assert said == ["T is read with a condition on its partitions alone"]
    assert told(baseline) == []
