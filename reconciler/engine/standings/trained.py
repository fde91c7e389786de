"""What retraining functions keep in the state bucket, of many services: one list, and reads of what changed since.

Decisions lie each in an object of its own, of which nobody tells how many there are. So a pass looks for them at a few
services: those whose history changed, and then those that were looked at longest ago.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Key
from reconciler.core.standings.training import of_history, retraining, told_decision
from reconciler.engine.inventory_store import calling
from reconciler.engine.retraining import FORMAT, LARGEST
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S
from schemas.kept.training import MOST_DECIDED

ROOT = "retraining"
MOST_LOOKED = 20
"""Services whose decisions a pass looks for."""
MOST_READ = 200
"""Decisions that a pass reads, of all services."""
_PAGE = 1000
_HISTORY, _WINDOWS = "history.json", "windows.json"

Standing = Mapping[str, Any]
Told = dict[str, Any]


@dataclass(slots=True)
class Trained:
    """What was read.

    Args:
        retraining: By service, as `schemas.kept.training.Retraining`.
        windows: What functions said of windows, as they wrote it, and its generation; of services where it is news.
        problems: Why windows cannot be read.
    """

    retraining: dict[Key, Told] = field(default_factory=dict)
    windows: dict[Key, tuple[Sequence[Mapping[str, Any]], str]] = field(default_factory=dict)
    problems: dict[Key, str] = field(default_factory=dict)


def read_trained(
    session: Session, keys: Collection[Key], before: Mapping[Key, Standing], most: int = MOST_LOOKED
) -> Trained:
    """Read what is new of some services.

    Args:
        session: The run's means.
        keys: Services that have the function.
        before: What was known of services.
        most: At how many of them it is looked for decisions.

    Raises:
        ApiError: The bucket cannot be listed.
    """
    found = Trained()
    if not keys or not session.connection.state.there:
        return found
    there = _listed(session, f"{ROOT}/", match_glob=f"{ROOT}/*/*/{{history,windows}}.json")
    objects = {blob.name: blob for blob in there}
    ordered = sorted(keys)
    histories = _changed(objects, ordered, before, "retraining", _HISTORY)
    windows = _changed(objects, ordered, before, "monitoring", _WINDOWS)
    reads = [partial(_json, blob) for blob in (*histories.values(), *windows.values())]
    answers = iter(session.pool.gather(reads))
    said = {key: next(answers) for key in histories}
    for key, blob in windows.items():
        _take_windows(found, key, blob, next(answers))
    decided = _decisions(session, _in_turn(ordered, frozenset(histories), before)[:most], before)
    now = session.clock.now()
    for key in ordered:
        old = before.get(key, {}).get("retraining")
        history, problem = _history(key, histories.get(key), said.get(key), objects)
        decisions, why = decided.get(key, (None, ""))
        found.retraining[key] = retraining(old, history, decisions, now, problem or why)
    return found


def _changed(
    objects: Mapping[str, Any], keys: Sequence[Key], before: Mapping[Key, Standing], part: str, name: str
) -> dict[Key, Any]:
    """Give the objects that are not of the generation that was read before."""
    found = {}
    for key in keys:
        blob = objects.get(f"{ROOT}/{key[0]}/{key[1]}/{name}")
        known = (before.get(key, {}).get(part) or {}).get("source")
        if blob is not None and str(blob.generation) != known:
            found[key] = blob
    return found


def _history(key: Key, blob: Any, said: Any, objects: Mapping[str, Any]) -> tuple[Told | None, str]:
    """Give what a history tells; None where it is what it was, and why it cannot be read."""
    if blob is None:
        there = f"{ROOT}/{key[0]}/{key[1]}/{_HISTORY}" in objects
        return (None, "") if there else (of_history({}, ""), "")
    if said is None:  # written again since it was listed
        return None, ""
    if said.get("format") != FORMAT:
        return None, f"gs://{blob.bucket.name}/{blob.name} is none of this version of mlservice, or damaged"
    return of_history(said, str(blob.generation)), ""


def _take_windows(found: Trained, key: Key, blob: Any, said: Any) -> None:
    if said is None:
        return
    if said.get("format") != FORMAT:
        found.problems[key] = f"gs://{blob.bucket.name}/{blob.name} is none of this version of mlservice, or damaged"
        return
    told = said.get("windows")
    windows = [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    found.windows[key] = (windows, str(blob.generation))


def _in_turn(keys: Sequence[Key], changed: Collection[Key], before: Mapping[Key, Standing]) -> list[Key]:
    """Put those first whose history changed, then those that were looked at longest ago."""

    def rank(key: Key) -> tuple[bool, str]:
        return key not in changed, str((before.get(key, {}).get("retraining") or {}).get("looked") or "")

    return sorted(keys, key=rank)


def _decisions(
    session: Session, chosen: Sequence[Key], before: Mapping[Key, Standing]
) -> dict[Key, tuple[list[Told] | None, str]]:
    """Read the newest decisions of a few services, but those that are known."""
    lists = session.pool.gather([partial(_names, session, key) for key in chosen])
    wanted: list[tuple[Key, Any]] = []
    kept: dict[Key, list[Told]] = {}
    for key, (blobs, _) in zip(chosen, lists, strict=True):
        known = {each["key"]: each for each in (before.get(key, {}).get("retraining") or {}).get("decisions") or ()}
        kept[key] = [known[_key(blob)] for blob in blobs if _key(blob) in known]
        wanted += [(key, blob) for blob in blobs if _key(blob) not in known][: MOST_READ - len(wanted)]
    read = session.pool.gather([partial(_json, blob) for _, blob in wanted])
    for (key, blob), said in zip(wanted, read, strict=True):
        if said and (told := told_decision(said, _key(blob))):
            kept[key].append(told)
    return {key: (None if why else kept[key], why) for key, (_, why) in zip(chosen, lists, strict=True)}


def _names(session: Session, key: Key) -> tuple[list[Any], str]:
    """Give the newest decisions' objects: names say nothing of time, objects do."""
    try:
        listed = _listed(session, f"{ROOT}/{key[0]}/{key[1]}/decisions/")
    except errors.ReconcilerError as error:
        return [], error.message
    newest = sorted(listed, key=lambda blob: (blob.time_created, blob.name), reverse=True)
    return newest[:MOST_DECIDED], ""


def _key(blob: Any) -> str:
    return str(blob.name).rpartition("/")[2].removesuffix(".json")


def _listed(session: Session, prefix: str, **how: Any) -> list[Any]:
    bucket = session.connection.state.use()
    with calling("list", f"gs://{bucket.name}/{prefix}"):
        return list(bucket.list_blobs(prefix=prefix, page_size=_PAGE, timeout=CALL_TIMEOUT_S, **how))


def _json(blob: Any) -> Mapping[str, Any] | None:
    """Read an object; empty where it is none of ours, None where it is gone since it was listed, or cannot be read."""
    if blob.size > LARGEST:
        return {}
    try:
        with calling("read", f"gs://{blob.bucket.name}/{blob.name}"):
            content = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
        found = json.loads(content)
    except errors.ReconcilerError:
        return None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
