"""Alert policies: what they say, when they open and close incidents, and who is told."""
