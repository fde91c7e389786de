"""One module per section of `spec`."""
