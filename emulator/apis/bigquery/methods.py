"""Every method of the REST API that the emulator serves: verb, path, name, function."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.apis.bigquery.wire import Call, Reply

PREFIXES = ("/bigquery/v2/", "/resumable/upload/bigquery/v2/", "/upload/bigquery/v2/")
_DATASET = "projects/{project}/datasets/{dataset}"
_TABLE = f"{_DATASET}/tables/{{table}}"
_MODEL = f"{_DATASET}/models/{{model}}"
_JOB = "projects/{project}/jobs/{job}"
PLAIN = """
GET projects | projects.list | projects:list_
GET projects/{project}/serviceAccount | projects.getServiceAccount | projects:service_account
GET projects/{project}/datasets | datasets.list | datasets:list_
POST projects/{project}/datasets | datasets.insert | datasets:insert
GET DATASET | datasets.get | datasets:get
PATCH DATASET | datasets.patch | datasets:patch
PUT DATASET | datasets.update | datasets:update
DELETE DATASET | datasets.delete | datasets:delete
GET DATASET/tables | tables.list | tables:list_
POST DATASET/tables | tables.insert | tables:insert
GET TABLE | tables.get | tables:get
PATCH TABLE | tables.patch | tables:patch
PUT TABLE | tables.update | tables:update
DELETE TABLE | tables.delete | tables:delete
POST TABLE:getIamPolicy | tables.getIamPolicy | policies:get
POST TABLE:setIamPolicy | tables.setIamPolicy | policies:put
POST TABLE:testIamPermissions | tables.testIamPermissions | policies:test
GET TABLE/data | tabledata.list | tabledata:list_
GET DATASET/models | models.list | models:list_
GET MODEL | models.get | models:get
PATCH MODEL | models.patch | models:patch
DELETE MODEL | models.delete | models:delete
POST TABLE/insertAll | tabledata.insertAll | tabledata:insert_all
POST projects/{project}/jobs | jobs.insert | jobs:insert
GET projects/{project}/jobs | jobs.list | jobs:list_
GET JOB | jobs.get | jobs:get
POST JOB/cancel | jobs.cancel | jobs:cancel
DELETE JOB/delete | jobs.delete | jobs:delete
POST projects/{project}/queries | jobs.query | results:query
GET projects/{project}/queries/{job} | jobs.getQueryResults | results:get
"""
UPLOAD = """
POST projects/{project}/jobs | jobs.insert | uploads:insert
PUT projects/{project}/jobs | jobs.insert | uploads:resume
"""


@dataclass(frozen=True, slots=True)
class Method:
    """A method as named by Google's discovery document, and what it does here."""

    verb: str
    path: tuple[str, ...]
    name: str
    function: str

    def match(self, verb: str, segments: list[str]) -> dict[str, str] | None:
        """The variables of the path, decoded, or None where the call is not for this method."""
        if verb != self.verb or len(segments) != len(self.path):
            return None
        found: dict[str, str] = {}
        for want, got in zip(self.path, segments, strict=True):
            name, _, rest = want.partition("}")
            if not want.startswith("{"):
                if want != got:
                    return None
            elif not got.endswith(rest) or (not rest and got is segments[-1] and ":" in got):
                return None
            else:
                found[name[1:]] = unquote(got.removesuffix(rest))
        return found

    def run(self, call: Call) -> Reply:
        """Answer a call."""
        module, _, function = self.function.partition(":")
        behaviour: Callable[[Call], Reply] = getattr(
            importlib.import_module(f"emulator.apis.bigquery.{module}"), function
        )
        return behaviour(call)


def _methods(text: str) -> tuple[Method, ...]:
    made = []
    for line in text.strip().splitlines():
        where, name, function = line.split(" | ")
        verb, path = where.split(" ")
        for word, meant in (("DATASET", _DATASET), ("TABLE", _TABLE), ("MODEL", _MODEL), ("JOB", _JOB)):
            path = path.replace(word, meant)
        made.append(Method(verb, tuple(path.split("/")), f"bigquery.{name}", function))
    return tuple(made)


_PLAIN, _UPLOAD = _methods(PLAIN), _methods(UPLOAD)


def find(verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """The method of an encoded path, and the variables in it."""
    prefix = next((each for each in PREFIXES if path.startswith(each)), None)
    if prefix is None:
        return None
    segments = path.removeprefix(prefix).strip("/").split("/")
    for method in _PLAIN if prefix == PREFIXES[0] else _UPLOAD:
        variables = method.match(verb, segments)
        if variables is not None:
            return method, variables
    return None
