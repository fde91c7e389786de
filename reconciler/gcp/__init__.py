"""The thin edge to Google: build clients, translate errors, wait for operations."""
