"""Datasets, as Google's client keeps them."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery


def test_a_dataset_lives(client):
    """Made, read, listed by label, changed under its etag, deleted."""
    wanted = bigquery.Dataset("local.shop")
    wanted.labels, wanted.location, wanted.default_table_expiration_ms = {"team": "ml"}, "europe-west4", 3_600_000
    made = client.create_dataset(wanted)

    assert (made.location, made.default_table_expiration_ms) == ("europe-west4", 3_600_000)
    assert [each.dataset_id for each in client.list_datasets(filter="labels.team:ml")] == ["shop"]
    assert not list(client.list_datasets(filter="labels.team:web"))
    with pytest.raises(exceptions.Conflict, match="Already Exists: Dataset local:shop"):
        client.create_dataset("shop")
    old = client.get_dataset("shop")
    old.description = "sales"
    changed = client.update_dataset(old, ["description"])
    old.description = "stale"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_dataset(old, ["description"])
    client.delete_dataset(changed)

    with pytest.raises(exceptions.NotFound, match="Not found: Dataset local:shop"):
        client.get_dataset("shop")


def test_a_dataset_with_tables_is_kept(client, dataset):
    """Unless its contents are to go with it."""
    client.create_table(bigquery.Table("local.shop.t"))

    with pytest.raises(exceptions.BadRequest, match="Dataset local:shop is still in use"):
        client.delete_dataset(dataset)
    client.delete_dataset(dataset, delete_contents=True)

    assert list(client.list_datasets()) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("default_table_expiration_ms", 5, "at least 3600000"),
        ("labels", {"Team": "x"}, "not allowed"),
    ],
)
def test_values_out_of_bounds_are_refused(client, field, value, words):
    """In words that say which."""
    wanted = bigquery.Dataset("local.shop")
    setattr(wanted, field, value)

    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_dataset(wanted)
