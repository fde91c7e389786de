"""Reads specs, compares them with Google Cloud, and changes what differs."""
