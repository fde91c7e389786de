"""The conformance suite against a project that somebody has: it makes, changes and deletes there, and tidies up."""
