"""Services and their objectives: what callers are promised, and how fast the share that may fail is used up."""
