"""Statistics of tables and how far two of them are apart, by the rules of TensorFlow Data Validation (TFDV).

Pure and streamed: what is kept of a column does not grow with its rows. numpy is all it needs.

Source: model_monitoring.md section B; TFDV's `anomalies/metrics.cc`, `utils/quantiles_util.py`, read and
run at 1.16.1. That Google's Model Monitoring v2 counts as TFDV does is inferred from its result messages.
"""
