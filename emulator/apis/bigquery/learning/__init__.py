"""BigQuery ML: models that are trained on the rows of a query, and asked in queries."""
