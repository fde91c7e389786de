"""Time series: how they are written, kept, found, aligned and reduced."""
