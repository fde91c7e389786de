"""Tables of BigQuery as specs name them: with their project, or without it where it is the service's."""

from __future__ import annotations


def split_table(table: str, project: str) -> tuple[str, str, str]:
    """Divide a table as specs write it into project, dataset and name. A project of a domain has dots itself.

    Args:
        table: `dataset.table`, or `project.dataset.table`.
        project: Whose it is where it names none.
    """
    *named, dataset, name = table.rsplit(".", 2)
    return named[0] if named else project, dataset, name


def full_table(table: str, project: str) -> str:
    """Give a table's name with its project."""
    return ".".join(split_table(table, project))
