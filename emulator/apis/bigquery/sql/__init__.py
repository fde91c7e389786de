"""GoogleSQL: parsed by sqlglot, its names resolved against the emulator's tables, and written for DuckDB."""
