"""One file per kind of Google Cloud resource."""
