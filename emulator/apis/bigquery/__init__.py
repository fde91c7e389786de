"""BigQuery, v2: datasets, tables, rows, jobs; GoogleSQL is translated for DuckDB. See docs/emulator-bigquery.md."""
