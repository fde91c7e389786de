"""The wire, derived from Google's packages: one table of methods, served over gRPC and REST."""
