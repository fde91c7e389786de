"""Files of training data, by their names: what a baseline may be."""

CSV, JSON_LINES, TF_RECORD, PARQUET = "CSV", "JSONL", "TF_RECORD", "PARQUET"
"""The first three in the words of `ModelMonitoringInput.gcsSource.format`; it has none for Parquet."""
_ENDINGS = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON_LINES,
    ".tfrecord": TF_RECORD,
    ".parquet": PARQUET,
    ".pq": PARQUET,
}


def format_of(uri: str) -> str:
    """Give the format of a file by its ending, which may be followed by `.gz`; any other is CSV."""
    ending = uri.lower().removesuffix(".gz")
    return next((form for suffix, form in _ENDINGS.items() if ending.endswith(suffix)), CSV)


def loaded_table(service: str) -> str:
    """Give the name of the table that Parquet files are loaded into, in the dataset of the prediction log."""
    return f"{service}_baseline"
