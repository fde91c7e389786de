"""The JSON Schemas of kept documents, for whoever reads the bucket: generated from the models.

`python -m schemas.kept.published` writes them.
"""

import json
from pathlib import Path

from schemas.json_schema import without_titles
from schemas.kept.budget import BudgetBook
from schemas.kept.document import Kept
from schemas.kept.history import HistoryEntry
from schemas.kept.report import PassReport
from schemas.kept.standings import Standings

DOCUMENTS: dict[str, type[Kept]] = {
    "report": PassReport,
    "history": HistoryEntry,
    "budget": BudgetBook,
    "standings": Standings,
}


def file_of(name: str) -> Path:
    """Give the file that a schema is committed as."""
    return Path(f"schemas/{name}.schema.json")


def schema_text(name: str) -> str:
    """Give a schema as the committed file has it.

    Args:
        name: `report`, `history`, `budget` or `standings`.
    """
    document = DOCUMENTS[name]
    schema = document.model_json_schema(by_alias=True, mode="serialization")
    without_titles(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": document.form()}
    return json.dumps(head | schema | head, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema to where it is committed."""
    for name in DOCUMENTS:
        file_of(name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
