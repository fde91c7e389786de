"""Monitors are looked at: what they measured is judged, and what is too far becomes an event like any other."""
