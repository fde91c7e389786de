"""YAML 1.2 with places: text to a tree in which every key and value knows its line and column."""
