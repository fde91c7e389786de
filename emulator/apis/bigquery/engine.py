"""DuckDB: keeps the rows, runs what was translated. One database per cloud, in its state folder.

What runs here may read no file but ours, reach no network and load nothing; it has bounded memory, time and threads.
Rows of a table lie in a table of their own with a name nobody else has: which table that is, the store says, so that a
table is replaced whole by one write there.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.macros import MACROS
from emulator.apis.bigquery.types import literal

if TYPE_CHECKING:
    from emulator.core.world import World

MEMORY, THREADS, DISK, QUERY_S = "1GB", 2, "8GB", 120.0
KEPT_S = 30.0
"""For so long rows stay that no table has any more."""
SCHEMA = "bq"
TABLE, UPLOAD = "bigquery.table", "bigquery.upload"
"""In the store: tables, each with the name of its rows, and uploads that are under way, each with its file."""
HINT = re.compile(r"\n\nLINE \d+:.*", re.DOTALL)


class Engine:
    """The database of one cloud. Each user has a cursor of its own; writers of one table come one at a time.

    Who holds the lock of a table may ask for the store's; nobody does it the other way round.

    Args:
        folder: Where it lies. Its `files` are the only ones that SQL can reach.
    """

    def __init__(self, folder: Path) -> None:
        import duckdb  # noqa: PLC0415 - 70 MB, for those who use BigQuery

        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._locks: dict[str, threading.RLock] = {}
        self._naming = threading.Lock()
        self._retired: list[tuple[float, str]] = []
        self._error = duckdb.Error
        self._database = duckdb.connect(str(folder / "rows.duckdb"), config=settings(folder))
        self._database.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        self._left = self._found() | {file.name for file in self.files.iterdir()}
        for macro in MACROS:
            self._database.execute(f"CREATE OR REPLACE MACRO {macro}")
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._database.execute(f"SET GLOBAL allowed_directories = [{literal(str(self.files))}]")
        self._database.execute("SET GLOBAL enable_external_access = false")
        self._database.execute("SET GLOBAL lock_configuration = true")

    def cursor(self) -> Any:
        """A connection of its own, over the same data."""
        return self._database.cursor()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A cursor for a few reads."""
        cursor = self.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def lent(self, paths: Sequence[Path]) -> Iterator[list[Path]]:
        """Files where SQL can read them, for as long as this lasts."""
        made: list[Path] = []
        try:
            for path in paths:
                made.append(self.files / f"lent-{uuid.uuid4().hex}")
                try:
                    made[-1].hardlink_to(path)
                except OSError:  # of another disk, or of one that has no links
                    shutil.copyfile(path, made[-1])
            yield made
        finally:
            for path in made:
                path.unlink(missing_ok=True)

    def lock(self, rows: str) -> threading.RLock:
        """What those hold who change rows, or the columns they have."""
        with self._naming:
            return self._locks.setdefault(rows, threading.RLock())

    @contextmanager
    def transaction(self, rows: str = "", cursor: Any = None) -> Iterator[Any]:
        """A cursor whose writes are kept together, or none of them; of `rows` nobody else writes meanwhile."""
        own = cursor is None
        with self.lock(rows) if rows else nullcontext():
            cursor = self.cursor() if own else cursor
            cursor.execute("BEGIN")
            try:
                yield cursor
            except BaseException:
                self.run(cursor, "ROLLBACK")
                raise
            else:
                self.run(cursor, "COMMIT")
            finally:
                if own:
                    cursor.close()

    def run(self, cursor: Any, sql: str, values: Sequence[Any] = (), *, within_s: float = QUERY_S) -> Any:
        """Run one statement in bounded time; returns the cursor.

        Raises:
            BigQueryError: It failed, or took too long.
        """
        late = threading.Timer(within_s, cursor.interrupt)
        late.daemon = True
        late.start()
        try:
            return cursor.execute(sql, values) if values else cursor.execute(sql)
        except self._error as error:
            raise translated(error) from error
        except UnicodeEncodeError as error:  # half a pair of UTF-16, which JSON can say
            raise errors.bad_query("Syntax error: Illegal input character: text is no Unicode") from error
        finally:
            late.cancel()

    def drop(self, *tables: str) -> None:
        """Forget rows that nobody sees. What is being written just now is forgotten at the next start."""
        with self.reading() as cursor:
            for each in tables:
                with self._naming:
                    self._locks.pop(each, None)
                with suppress(self._error):
                    cursor.execute(f"DROP TABLE IF EXISTS {physical(each)}")

    def retire(self, *tables: str) -> None:
        """Forget rows that no table has any more, in a while: who has just looked for them finds what there was."""
        now = time.monotonic()
        with self._naming:
            self._retired += [(now + KEPT_S, each) for each in tables]
            due = [name for until, name in self._retired if until <= now]
            self._retired = [pair for pair in self._retired if pair[0] > now]
        self.drop(*due)

    def _found(self) -> frozenset[str]:
        with self.reading() as cursor:
            cursor.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA])
            return frozenset(name for (name,) in cursor.fetchall())

    @property
    def unswept(self) -> bool:
        """Whether something was there at the start of which it is not known yet if anybody has it."""
        return bool(self._left)

    def sweep(self, known: Callable[[], Collection[str]]) -> None:
        """Forget, once, the rows and files that were there at the start and nobody has: a kill came in between."""
        with self._naming:
            left, self._left = self._left, frozenset()
        gone = left.difference(known()) if left else ()
        for each in gone:  # a name is one of rows or of a file, never of both
            (self.files / each).unlink(missing_ok=True)
        self.drop(*gone)

    def clear(self) -> None:
        """Forget all rows."""
        with self._naming:
            self._retired.clear()
        with self.reading() as cursor:
            cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
            cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for file in self.files.iterdir():
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def settings(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    """How DuckDB is started."""
    return {
        "memory_limit": MEMORY,
        "threads": str(THREADS),
        "temp_directory": str(folder / "spill"),
        "max_temp_directory_size": DISK,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
    }


def engine(world: World) -> Engine:
    """The database of a cloud, opened when it is first needed, and without what a kill left behind.

    It may be called with the store's lock held, so nothing here asks for the store while the part is made; and in a
    transaction, which may yet be taken back, so what it says is believed only after it.
    """
    found = world.part(Engine, lambda: Engine(world.state_dir / "bigquery"))
    if found.unswept:
        world.store.after(lambda: found.sweep(lambda: known(world)))
    return found


def known(world: World) -> set[str]:
    """The names of rows that tables have, and of files that are being uploaded."""
    uploads = (Path(json.loads(body)["path"]).name for _, body in world.store.list(UPLOAD))
    return {json.loads(body)["rows"] for _, body in world.store.list(TABLE)}.union(uploads)


def new_name() -> str:
    """A name for rows that nobody else has."""
    return f"t_{uuid.uuid4().hex}"


def physical(name: str) -> str:
    """Rows as SQL names them."""
    return f'{SCHEMA}."{name}"'


WORDS = (
    (re.compile(r'Referenced column "([^"]+)" not found|column named "([^"]+)"'), "Unrecognized name: {0}"),
    (re.compile(r"Could not convert string '([^']*)' to (?:INT64|BIGINT)"), "Bad int64 value: {0}"),
    (re.compile(r"Could not convert string '([^']*)' to DOUBLE"), "Bad double value: {0}"),
    (re.compile(r"Could not convert string '([^']*)' to BOOL"), "Bad bool value: {0}"),
    (re.compile(r"invalid date field format: \"([^\"]*)\""), 'Invalid date: "{0}"'),
    (re.compile(r"NOT NULL constraint failed: [^.]+\.(\S+)"), "Required field {0} cannot be null"),
    (re.compile(r"(division by zero[^\n]*)"), "{0}"),
)
MISSING = re.compile(
    r"(?:Function with name|function signature|No function matches the given name).*?['\"]?(\w+)['\"(]", re.DOTALL
)


VALUES = frozenset({"ConversionException", "ConstraintException", "InvalidInputException", "OutOfRangeException"})
"""What DuckDB raises about a value, whatever else is written beside it."""


def is_about_values(error: errors.BigQueryError) -> bool:
    """Whether a statement failed by what it was to write, and not by the table, time or memory."""
    return type(error.__cause__).__name__ in VALUES | {"UnicodeEncodeError"}


def translated(error: Exception) -> errors.BigQueryError:
    """A refusal of DuckDB's in BigQuery's words, where it has some."""
    text, sort = HINT.sub("", str(error)), type(error).__name__
    if sort == "InterruptException":
        return errors.BigQueryError(400, "stopped", "Job execution was cancelled: User requested cancellation, or time")
    if sort == "OutOfMemoryException":
        return errors.BigQueryError(400, "resourcesExceeded", f"Resources exceeded during query execution: {text}")
    if sort == "CatalogException" and "Function" in text:
        found = re.search(r"name \"?(\w+)", text)
        return errors.unimplemented(f"the function {found[1].upper() if found else text}")
    for pattern, words in WORDS:
        found = pattern.search(text)
        if found is not None:
            return errors.bad_query(words.format(next(each for each in found.groups() if each is not None)))
    if sort == "ParserException":
        return errors.unimplemented(f"this statement as it was translated: {text}")
    return errors.bad_query(re.sub(r"^\w+ Error: ", "", text).split("\n")[0])
