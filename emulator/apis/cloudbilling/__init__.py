"""Cloud Billing v1."""
