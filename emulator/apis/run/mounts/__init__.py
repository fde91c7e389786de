"""Volumes of containers: what is in them, and how a container finds them at its paths."""
