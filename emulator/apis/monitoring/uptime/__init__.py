"""Uptime checks, and the requests that they send."""
