"""BigQuery ML: trained on a table's rows, asked in queries, exported."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from google.api_core import exceptions

from emulator.apis.bigquery import records
from emulator.apis.bigquery.errors import BigQueryError
from emulator.apis.bigquery.learning import exporting, kept
from emulator.apis.bigquery.learning.frames import Feature
from emulator.apis.bigquery.learning.training import Trained
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.schema import Field
from tests.conftest import HTTP

ROWS = """
CREATE TABLE homes AS SELECT x AS size, IF(MOD(x, 2) = 0, 'a', 'b') AS area,
  2.0 * x + IF(MOD(x, 2) = 0, 10, 0) AS price, IF(x > 50, 'big', 'small') AS sort, MOD(x, 3) AS third
FROM UNNEST(GENERATE_ARRAY(1, 100)) AS x
"""
SORTS = [
    ("LINEAR_REG", "price"),
    ("BOOSTED_TREE_REGRESSOR", "price"),
    ("LOGISTIC_REG", "sort"),
    ("BOOSTED_TREE_CLASSIFIER", "third"),
]


@pytest.fixture
def homes(rows):
    """A table from which something can be learned."""
    rows(ROWS)


def train(rows, sort, label, more=""):
    """Make a model of a label."""
    options = f"model_type='{sort}', input_label_cols=['{label}']{more}"
    rows(f"CREATE OR REPLACE MODEL m OPTIONS({options}) AS SELECT size, area, {label} FROM homes")


@pytest.mark.parametrize(("sort", "label"), SORTS)
def test_a_model_learns_what_is_in_the_rows(client, rows, homes, sort, label):
    """It foretells the label of rows like those, keeps their other columns, and says how good it is."""
    train(rows, sort, label)

    found = rows(
        f"SELECT predicted_{label}, price, area FROM ML.PREDICT(MODEL m, (SELECT * FROM homes WHERE size = 80))"
    )
    (scores,) = client.query_and_wait(
        f"SELECT * FROM ML.EVALUATE(MODEL shop.m, (SELECT size, area, {label} FROM shop.homes))"
    )
    ((said, price, area),) = found
    assert (price, area) == (170, "a")
    if label == "price":
        assert said == pytest.approx(170, rel=0.05)
        assert scores.r2_score > 0.99
    elif label == "sort":
        assert said == "big"
        assert (scores.accuracy, scores.roc_auc) == (1, 1)
    else:
        assert said in {0, 1, 2}
        assert 0 < scores.accuracy <= 1


def test_models_are_kept_like_tables(client, rows, homes):
    """Listed, read, described, deleted; a dataset with one is in use."""
    train(rows, "LOGISTIC_REG", "sort")
    model = client.get_model("shop.m")
    model.description = "homes"
    client.update_model(model, ["description"])

    found = client.get_model("shop.m")
    assert (found.model_type, found.description) == ("LOGISTIC_REGRESSION", "homes")
    assert [each.name for each in found.feature_columns] == ["size", "area"]
    assert [each.model_id for each in client.list_models("shop")] == ["m"]
    rows("DROP TABLE homes")
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        client.delete_dataset("shop")
    client.delete_model("shop.m")
    with pytest.raises(exceptions.NotFound, match="Not found: Model"):
        client.get_model("shop.m")


def test_boosted_trees_are_exported_as_xgboost_reads_them(emulator, rows, homes):
    """The booster itself, and what its columns mean; a regression would be a SavedModel, which is refused."""
    import xgboost  # noqa: PLC0415 - of this test alone

    HTTP.post(f"{emulator.http}/storage/v1/b?project=local", json={"name": "files"}).raise_for_status()
    train(rows, "BOOSTED_TREE_REGRESSOR", "price", ", max_iterations=50")
    rows("EXPORT MODEL `local.shop.m` OPTIONS(URI='gs://files/model')")

    def read(name):
        return HTTP.get(f"{emulator.http}/storage/v1/b/files/o/model%2F{name}?alt=media").content

    about = json.loads(read("assets%2Fmodel_metadata.json"))
    words = read("assets%2F1_categorical_label.txt").decode().splitlines()
    booster = xgboost.Booster(model_file=bytearray(read("model.bst")))
    data = xgboost.DMatrix([[80, words.index("a")]], feature_names=about["feature_names"])
    assert booster.predict(data)[0] == pytest.approx(170, rel=0.05)
    assert about == {
        "model_type": "boosted_tree_regressor",
        "label_col": "price",
        "feature_names": ["size", "area"],
        "features": {"size": {}, "area": {"encode_type": "categorical_label"}},
    }
    train(rows, "BOOSTED_TREE_CLASSIFIER", "sort")
    rows("EXPORT MODEL `local.shop.m` OPTIONS(URI='gs://files/model')")
    assert json.loads(read("assets%2Fmodel_metadata.json"))["class_names"] == ["big", "small"]
    assert xgboost.Booster(model_file=bytearray(read("model.bst"))).predict(data).shape == (1, 2)
    train(rows, "LINEAR_REG", "price")
    with pytest.raises(exceptions.MethodNotImplemented, match="SavedModel"):
        rows("EXPORT MODEL m OPTIONS(URI='gs://files/linear')")


def learned(*words):
    """Trees over one column of text."""
    feature = Feature("area", "STRING", words=words)
    return Trained("BOOSTED_TREE_CLASSIFIER", Field("sort", "STRING"), (feature,), ("a", "b"), booster="eA==")


@pytest.mark.parametrize("word", ["a\nb", "a\rb"])
def test_words_that_no_exported_file_can_hold_are_refused(word):
    """Each has a line there; other marks that end lines somewhere are letters."""
    exporting.check(learned("", "a", "a\u2028b", "a\x0bb"))

    with pytest.raises(BigQueryError, match=r"line break .column area"):
        exporting.check(learned("a", word))


def test_trees_of_an_older_emulator_are_refused(world):
    """Their scores and words mean something else; linear models are as they were."""
    ref = Ref("p", "d", "m")
    for model in (learned("a"), replace(learned("a"), sort="LOGISTIC_REG", booster="")):
        kept.put(world, ref, model, "US")
        assert kept.trained(world, ref) == model
        body = kept.find(world, ref)
        del body["format"]
        world.store.put(records.MODEL, ref.key, json.dumps(body).encode())
        with pytest.raises(BigQueryError, match="CREATE OR REPLACE MODEL") if model.booster else nullcontext():
            assert kept.trained(world, ref) == model


REFUSED = [
    ("CREATE MODEL n OPTIONS(model_type='KMEANS') AS SELECT size FROM homes", "models of the type KMEANS"),
    ("CREATE MODEL n OPTIONS(model_type='LINEAR_REG') AS SELECT size FROM homes", "label column label"),
    (
        "CREATE MODEL n OPTIONS(model_type='LINEAR_REG', input_label_cols=['sort']) AS SELECT size, sort FROM homes",
        "must be a number",
    ),
    (
        "CREATE MODEL n OPTIONS(model_type='LINEAR_REG', input_label_cols=['size'], hidden=1) AS SELECT * FROM homes",
        "the option hidden",
    ),
    (
        "CREATE MODEL n OPTIONS(model_type='LINEAR_REG', input_label_cols=['size']) AS SELECT size, [1] l FROM homes",
        "features of the type ARRAY",
    ),
    ("SELECT * FROM ML.PREDICT(MODEL nope, (SELECT 1 AS size))", "Not found: Model local:shop.nope"),
    ("SELECT * FROM ML.PREDICT(MODEL m, (SELECT 1 AS size))", "Required column area is missing"),
    ("CREATE MODEL m OPTIONS(model_type='LINEAR_REG') AS SELECT 1 AS label", "Already Exists: Model local:shop.m"),
]


def test_what_cannot_be_learned_or_asked_is_refused(rows, homes):
    """With the reason."""
    train(rows, "LINEAR_REG", "price")

    for text, words in REFUSED:
        with pytest.raises(exceptions.GoogleAPICallError, match=words):
            rows(text)
