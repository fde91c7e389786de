"""Buckets as folders of this machine, kept in step."""
