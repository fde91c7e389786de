"""BigQuery's REST API. Google's own client is slow to import at every start, and plain JSON says all that we need."""

HOST, VERSION = "bigquery.googleapis.com", "bigquery/v2"
