"""Google's own client against the running emulator."""

from __future__ import annotations

import pytest


@pytest.fixture
def client(emulator):
    """A client as a user has it, told where BigQuery is."""
    key = "bigquery"
    if key not in emulator.clients:
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - Google's packages load slowly
        from google.cloud import bigquery  # noqa: PLC0415 - Google's packages load slowly

        emulator.clients[key] = bigquery.Client(
            project="local", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.http}
        )
    return emulator.clients[key]


@pytest.fixture
def dataset(client):
    """An empty dataset."""
    return client.create_dataset("shop")


@pytest.fixture
def rows(client, dataset):
    """Runs a query and gives its rows as tuples."""

    def run(text, **settings):
        from google.cloud import bigquery  # noqa: PLC0415 - Google's packages load slowly

        config = bigquery.QueryJobConfig(default_dataset="local.shop", **settings)
        return [tuple(row.values()) for row in client.query_and_wait(text, job_config=config)]

    return run
