"""Subscriptions of Pub/Sub that write to tables. Pub/Sub calls what is here by name: it needs nothing of BigQuery."""
