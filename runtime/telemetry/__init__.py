"""What is kept of requests: metrics, logs, traces, the prediction log, shadow calls. Decides nothing."""
