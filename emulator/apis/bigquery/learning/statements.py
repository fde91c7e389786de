"""CREATE MODEL, ML.PREDICT, ML.EVALUATE, EXPORT MODEL, DROP MODEL.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create and -predict;
cloud.google.com/bigquery/docs/exporting-models.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import TokenError

from emulator.apis.bigquery import access, errors, objects, records, rows
from emulator.apis.bigquery.engine import engine, new_name, physical
from emulator.apis.bigquery.learning import asking, exporting, kept, training
from emulator.apis.bigquery.learning.frames import columns_of
from emulator.apis.bigquery.names import Ref, check_table
from emulator.apis.bigquery.records import Table
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.sql import describing, parsing
from emulator.apis.bigquery.types import quoted

if TYPE_CHECKING:
    from emulator.apis.bigquery.learning.training import Trained
    from emulator.apis.bigquery.sql.context import Context
    from emulator.apis.bigquery.work import Task

ROW = "_row"
MOST_ROWS = 2_000_000
EVALUATE = re.compile(r"\bEVALUATE\b", re.IGNORECASE)
EXPORT = re.compile(
    r"\s*EXPORT\s+MODEL\s+(?P<name>[`\w.\-]+)\s+OPTIONS\s*\(\s*URI\s*=\s*(?P<mark>['\"])(?P<uri>gs://[^'\"]+)(?P=mark)\s*\)\s*;?\s*",
    re.IGNORECASE,
)


def spelled(text: str) -> tuple[str, bool]:
    """A query with ML.EVALUATE written as the ML.PREDICT that sqlglot reads, and whether it was one.

    Raises:
        BigQueryError: 501, it has both.
    """
    if not EVALUATE.search(text):
        return text, False
    found = list(called(text))
    places = [place for name, place in found if name == "EVALUATE"]
    if not places:
        return text, False
    if len(places) < len(found):
        raise errors.unimplemented("ML.EVALUATE beside ML.PREDICT in one query")
    for start, end in reversed(places):
        text = f"{text[:start]}PREDICT{text[end:]}"
    return text, True


def called(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The functions of ML that a query calls, each with its place: not what strings and comments say."""
    try:
        tokens = BigQuery().tokenize(text)
    except TokenError:  # which parsing tells of
        return
    for space, dot, name, bracket in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        word = text[space.start : space.end + 1]  # with its quotes, where it is no name
        if (word.upper(), dot.text, bracket.text) == ("ML", ".", "("):
            yield name.text.upper(), (name.start, name.end + 1)


def create(task: Task, statement: exp.Create, context: Context, text: str) -> dict[str, Any]:
    """CREATE [OR REPLACE] MODEL: train on the rows of its query."""
    named = statement.this
    ref = context.ref(named.name, named.db, named.catalog)
    check_table(ref.table)
    location = str(records.find_dataset(task.world, ref.project, ref.dataset)["location"])
    access.require(task.world, task.caller, "bigquery.models.create", ref.project, ref.dataset)
    said = {"statementType": "CREATE_MODEL", "ddlTargetTable": ref.resource}
    there = kept.look_for(task.world, ref)
    if there is not None and statement.args.get("exists"):
        return said | {"ddlOperationPerformed": "SKIP"}
    if there is not None and not statement.args.get("replace"):
        raise errors.duplicate("Model", str(ref))
    if not isinstance(statement.expression, exp.Query):
        raise errors.bad_query("CREATE MODEL needs a query: AS SELECT ...")
    query = describing.described(cast("exp.Expression", statement.expression).copy(), context, text)
    training.chosen(options(statement), query.fields)
    if not task.dry:
        model = training.train(options(statement), query.fields, rows_of(task, query))
        task.check()
        kept.put(task.world, ref, model, location)
    return said | {"ddlOperationPerformed": "CREATE" if there is None else "REPLACE"}


def rows_of(task: Task, query: describing.Query) -> list[tuple[Any, ...]]:
    """The rows that a model is trained on.

    Raises:
        BigQueryError: There are too many: a model of some of them would be another model.
    """
    with task.cursor() as cursor:
        engine(task.world).run(cursor, query.sql)
        found: list[tuple[Any, ...]] = cursor.fetchmany(MOST_ROWS + 1)
    if len(found) > MOST_ROWS:
        raise errors.unimplemented(f"training on more than {MOST_ROWS} rows")
    return found


def options(statement: exp.Create) -> dict[str, Any]:
    """OPTIONS(...) by their names in small letters."""
    properties = statement.args.get("properties")
    listed = properties.expressions if properties is not None else []
    return {each.name.lower(): value_of(each.args["value"]) for each in listed if isinstance(each, exp.Property)}


def value_of(node: exp.Expression) -> Any:
    """A constant.

    Raises:
        BigQueryError: It is none.
    """
    if isinstance(node, exp.Array):
        return [value_of(each) for each in node.expressions]
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Literal):
        return node.name if node.is_string else float(node.name) if re.search(r"[.eE]", node.name) else int(node.name)
    raise errors.unimplemented(f"the value {node.sql('bigquery')} of an option")


def ask(context: Context, node: exp.Predict) -> exp.Expression:
    """What stands in the place of ML.PREDICT or ML.EVALUATE: its rows."""
    named = node.this
    ref = context.ref(named.name, named.db, named.catalog)
    access.require(context.world, context.caller, "bigquery.models.getData", ref.project, ref.dataset)
    model = kept.trained(context.world, ref)
    given, fields, count = input_of(context, node.expression)
    columns = fetched(context, given, fields)
    scores = asking.scores(model, columns, count)
    if context.evaluates:
        return evaluated(context, model, scores, columns)
    threshold = threshold_of(node.args.get("params_struct"))
    answers = [{ROW: str(index)} | asking.told(model, row, threshold) for index, row in enumerate(scores, 1)]
    made = filled(context, (Field(ROW, "INTEGER"), *output(model)), answers)
    both = f"{physical(made)} p JOIN {physical(given)} t USING ({ROW})"
    return parsed(f"SELECT p.* EXCLUDE ({ROW}), t.* EXCLUDE ({ROW}) FROM {both}")


def input_of(context: Context, source: exp.Expression | None) -> tuple[str, tuple[Field, ...], int]:
    """The rows that a model is asked about, numbered, in a table of their own; its name, its columns, how many.

    Raises:
        BigQueryError: None are given.
    """
    if source is None:
        raise errors.unimplemented("ML.EVALUATE and ML.PREDICT without rows: add a query")
    query = exp.select("*").from_(source.copy()) if isinstance(source, exp.Table) else source.this.copy()
    found = describing.described(query, context)
    name, base = new_name(), engine(context.world)
    context.temporary.append(name)
    with base.transaction() as cursor:
        base.run(cursor, f"CREATE TABLE {physical(name)} AS SELECT row_number() OVER () AS {ROW}, * FROM ({found.sql})")
        base.run(cursor, f"SELECT count(*) FROM {physical(name)}")
        (count,) = cursor.fetchone()
    return name, found.fields, int(count)


def fetched(context: Context, name: str, fields: Sequence[Field]) -> dict[str, list[Any]]:
    """The columns of these rows, in their order."""
    base = engine(context.world)
    listed = ", ".join(quoted(each.name) for each in fields)
    with base.reading() as cursor:
        base.run(cursor, f"SELECT {listed} FROM {physical(name)} ORDER BY {ROW}")
        return columns_of(fields, cursor.fetchall())


def evaluated(
    context: Context, model: Trained, scores: list[list[float]], columns: Mapping[str, list[Any]]
) -> exp.Expression:
    """One row: how good a model is."""
    found = asking.measured(model, scores, asking.column(model, columns, model.label.name))
    made = filled(context, tuple(Field(name, "FLOAT") for name in found), [found])
    return parsed(f"SELECT * FROM {physical(made)}")


def output(model: Trained) -> tuple[Field, ...]:
    """The columns that ML.PREDICT adds."""
    name = f"predicted_{model.label.name}"
    if not model.classifies:
        return (Field(name, "FLOAT"),)
    label = Field("label", model.label.kind)
    return Field(name, model.label.kind), Field(f"{name}_probs", "RECORD", "REPEATED", (label, Field("prob", "FLOAT")))


def filled(context: Context, fields: tuple[Field, ...], values: list[dict[str, Any]]) -> str:
    """Rows in a table of their own; its name."""
    from emulator.apis.bigquery import cells  # noqa: PLC0415 - of models alone

    name = rows.make(context.world, fields)
    context.temporary.append(name)
    resource = {"schema": {"fields": [each.resource for each in fields]}}
    table = Table(Ref(context.project, "none", name), resource, name)
    rows.append(context.world, table, [cells.row(fields, each, unknown=False) for each in values])
    return name


def parsed(text: str) -> exp.Expression:
    """A query of DuckDB's, in place of a table."""
    made = sqlglot.parse_one(text, read="duckdb")
    for table in made.find_all(exp.Table):
        table.meta["resolved"] = True
    return cast("exp.Expression", made)


def threshold_of(settings: exp.Expression | None) -> float:
    """The threshold of a classification.

    Raises:
        BigQueryError: 501, there is something else in the settings.
    """
    found = asking.THRESHOLD
    for each in settings.expressions if settings is not None else ():
        if each.name.lower() != "threshold":
            raise errors.unimplemented(f"the setting {each.name} of ML.PREDICT")
        found = float(each.expression.name)
    return found


def export(task: Task, context: Context, text: str) -> dict[str, Any] | None:
    """EXPORT MODEL, if that is what a query is: boosted trees as XGBoost's file.

    Raises:
        BigQueryError: It may not be exported, or the emulator cannot write it.
    """
    found = EXPORT.fullmatch(text)
    if found is None:
        return None
    words = found["name"].replace("`", "").split(".")
    ref = context.ref(words[-1], *reversed(words[:-1]))
    access.require(task.world, task.caller, "bigquery.models.export", ref.project, ref.dataset)
    model = kept.trained(task.world, ref)
    if not model.booster:
        raise errors.unimplemented(
            f"EXPORT MODEL of {model.sort}: Google writes a TensorFlow SavedModel, which nothing here can"
        )
    exporting.check(model)
    if not task.dry:
        folder = found["uri"].rstrip("/")
        for name, content in exporting.files(model):
            objects.write(task.world, task.caller, f"{folder}/{name}", io.BytesIO(content), "application/octet-stream")
    return {"statementType": "EXPORT_MODEL"}


def drop(task: Task, statement: exp.Drop, context: Context) -> dict[str, Any]:
    """DROP MODEL."""
    named = parsing.only(statement.args["tables"])
    ref = context.ref(named.name, named.db, named.catalog)
    said = {"statementType": "DROP_MODEL", "ddlTargetTable": ref.resource}
    if kept.look_for(task.world, ref) is None and statement.args.get("exists"):
        return said | {"ddlOperationPerformed": "SKIP"}
    access.require(task.world, task.caller, "bigquery.models.delete", ref.project, ref.dataset)
    kept.find(task.world, ref)
    if not task.dry:
        task.world.store.delete(records.MODEL, ref.key)
    return said | {"ddlOperationPerformed": "DROP"}
