"""Send the requests of a case to the emulator and say where its answers differ from the recorded ones."""

from __future__ import annotations

import copy
import json
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc
import httpx
from google.protobuf import json_format

from emulator.apis import LISTED
from emulator.core.api import Registry
from emulator.core.failures import CODES
from emulator.wire.table import load, message_class
from tests.recordings.compare import differences
from tests.recordings.placeholders import Placeholders

if TYPE_CHECKING:
    from tests.recordings.cases import Case, Exchange

HERE = Path(__file__).parent
HELLO = HERE.parents[1] / "emulator" / "images" / "hello"
PROJECT = "recorded-project"
UNIQUE = "q7x2k9m4"
OPERATION_WITHIN_S = 20
AGAIN_S = 0.1
Answered = tuple[list[str], Any]
"""How an answer differs, and the answer."""
PAGING = ("nextPageToken", "totalSize")
"""Of a list of which items were left out, these are of the whole."""
UNSERVED = "The requested URL"
STORAGE = "storage.googleapis.com"
"""Its routes are its own, not those of a package."""
REGIONAL = re.compile(r"([a-z]+-[a-z]+[0-9]+)-[a-z]+\.googleapis\.com")
# One emulator serves every API at one address. An exchange with another host is not sent.
SERVED = Registry(LISTED)


@dataclass(frozen=True)
class Finding:
    """One exchange, where it differs, which of that is known, and what was answered."""

    case: str
    number: int
    exchange: Exchange
    unknown: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    answer: Any = None

    @property
    def verdict(self) -> str:
        """agrees, known or differs."""
        return "differs" if self.unknown else "known" if self.known else "agrees"


@dataclass
class Known:
    """An entry of differences.toml: what may differ, and why. `used` tells whether anything still does."""

    case: str
    path: str
    reason: str
    exchange: int | None = None
    used: bool = False

    def covers(self, case: str, number: int, line: str) -> bool:
        """Whether it is about this line; it is used then."""
        path = line.partition(": ")[0]
        hit = case == self.case and self.exchange in {None, number} and fnmatchcase(path, literal(self.path))
        self.used = self.used or hit
        return hit


def literal(pattern: str) -> str:
    """A pattern in which `*` is a wildcard and brackets are just that: they are list indexes."""
    return pattern.replace("[", "[[]")


def read_known() -> list[Known]:
    """The committed differences."""
    return [Known(**entry) for entry in tomllib.loads((HERE / "differences.toml").read_text())["difference"]]


def read_setups() -> dict[str, Any]:
    """What must be there before a case, and bodies that its recording lost: setups.toml, by case."""
    return tomllib.loads((HERE / "setups.toml").read_text())


def replay(address: str, case: Case, known: list[Known], *, patience_s: float = 0.0) -> list[Finding]:
    """Replay a case on an emulator that was just reset.

    Args:
        address: Of the emulator.
        case: What was recorded.
        known: What may differ.
        patience_s: For how long, in all, reads that differ are made again: a recording does not say what it waited for.
    """
    patience = Patience(patience_s)
    with httpx.Client(base_url=address, timeout=60) as http:
        setup = read_setups().get(case.name, {})
        names = Placeholders(
            {"projectId": PROJECT, "uniqueId": UNIQUE, "projectNumber": project_number(http), "helloFolder": str(HELLO)}
        )
        # Written in two ways; a name that is made up there is none of an account.
        names.values.update(billingAccountID="000000-000000-000000", billingAccountId="000000-000000-000000")
        names.values["dashboardID"] = f"dashboard-{UNIQUE}"  # the caller's to choose
        if job := case.job_id():
            names.values["jobID"] = names.fill(job)
        if dataset := case.dataset_id():
            names.values["datasetID"] = names.fill(dataset)
        for step in setup.get("before", []):
            prepare(http, names, case, step)
        bodies = setup.get("bodies", {})
        exchanges = [with_number(each, setup.get("number_of")) for each in case.exchanges]
        exchanges = [renamed(each, *setup.get("renamed", ())) for each in exchanges]
        return [
            patience.settled(exchange, partial(ask, http, names, case, number, exchange, bodies, known))
            for number, exchange in enumerate(exchanges)
        ]


def ask(  # noqa: PLR0917 - what one exchange of a replay needs
    http: httpx.Client,
    names: Placeholders,
    case: Case,
    number: int,
    exchange: Exchange,
    bodies: dict[str, Any],
    known: list[Known],
) -> Finding:
    """Make one exchange again, and judge its answer."""
    return judge(case, number, exchange, send(http, names, exchange, bodies.get(str(number), exchange.body)), known)


@dataclass
class Patience:
    """Waiting for what takes time at a target, and was waited for there between two requests.

    Args:
        left_s: In seconds.
    """

    left_s: float

    def settled(self, exchange: Exchange, find: Callable[[], Finding]) -> Finding:
        """Ask, and where a read differs ask again."""
        finding = find()
        while finding.unknown and reads(exchange) and self.left_s > 0:
            time.sleep(AGAIN_S)
            self.left_s -= AGAIN_S
            finding = find()
        return finding


def reads(exchange: Exchange) -> bool:
    """Whether a request changes nothing."""
    return exchange.verb == "GET" or (
        exchange.verb == "GRPC" and exchange.url.rpartition("/")[2].startswith(("Get", "List"))
    )


def with_number(exchange: Exchange, project: str | None) -> Exchange:
    """An exchange whose answer names a project by a number again, where the recorder wrote the id over it."""
    if project is None:
        return exchange
    answer = json.dumps(exchange.answer).replace(f'"projects/{project}/', '"projects/${projectNumber}/')
    return replace(exchange, answer=json.loads(answer))


def renamed(exchange: Exchange, was: str = "", now: str = "") -> Exchange:
    """An exchange whose answer names the project as the request does: recorders wrote over just one of them."""
    if not was:
        return exchange
    return replace(exchange, answer=json.loads(json.dumps(exchange.answer).replace(was, now)))


def prepare(http: httpx.Client, names: Placeholders, case: Case, step: dict[str, Any]) -> None:
    """Send one request of a setup, and let it take effect."""
    body = step.get("body")
    if "answer_of" in step:
        body = copy.deepcopy(case.exchanges[step["answer_of"]].answer)
        for path in step["without"]:
            drop(body, path.split("."))
    answer = http.request(step["verb"], names.fill(step["path"]), json=names.fill(body))
    assert answer.is_success, f"setup of {case.name}: {step}: {answer.status_code} {answer.text}"
    wait_for(http, answer)


def drop(body: Any, path: list[str]) -> None:
    """Leave a field out of a body; an item of a list is named by its number."""
    for key in path[:-1]:
        body = body[int(key)] if isinstance(body, list) else body[key]
    body.pop(path[-1])


def project_number(http: httpx.Client) -> str:
    """The emulator derives a project's number from its id."""
    name = http.get(f"/v3/projects/{PROJECT}").json()["name"]
    return str(name.removeprefix("projects/"))


def send(http: httpx.Client, names: Placeholders, exchange: Exchange, body: Any) -> Answered:
    """Send one request; returns the differences of its answer, and the answer."""
    if exchange.verb == "GRPC":
        return call(http, names, exchange, body)
    url = names.fill(exchange.url)
    parts = urlsplit(url)
    if not SERVED.serves(parts.netloc) and parts.netloc != STORAGE:
        return [f"status: {parts.netloc} is not served"], None
    # An etag in a body was copied from the last read of the same thing.
    answer = request(http, names, exchange, url, names.fill(body, url))
    said = answer.json() if answer.content else {}
    if UNSERVED in answer.text:
        return [f"status: {exchange.verb} {parts.path} is not served"], said
    if answer.status_code != exchange.status:
        return [f"status: recorded {exchange.status}, got {answer.status_code} {answer.text[:300]}"], said
    names.learn(exchange.answer, said, url)
    if exchange.trust == "testserver":
        return [], said
    return differences(names.fill(exchange.answer or {}, url), listed(names, exchange, said)), said


def call(http: httpx.Client, names: Placeholders, exchange: Exchange, body: Any) -> Answered:
    """Make one call that was recorded as gRPC; returns the differences of its answer, compared as JSON, and it."""
    method = load()[exchange.url.lstrip("/")]
    try:
        message = json_format.ParseDict(names.fill(body), method.request())
    except json_format.ParseError as error:  # an answer before it was another, and did not tell what this one names
        return [f"request: {error}"], None
    with grpc.insecure_channel(http.get("/_emulator/status").json()["grpc"]) as channel:
        try:
            answer = channel.unary_unary(f"/{method.name}")(message.SerializeToString(), timeout=OPERATION_WITHIN_S)
        except grpc.RpcError as error:
            status, said = CODES[error.code().name][1], {"error": grpc_error(error)}
        else:
            status = 200
            said = json_format.MessageToDict(message_class(method.response_path).FromString(answer))
    if "/operations/" in said.get("name", "") and not said.get("done"):
        http.post(f"/v1/{said['name']}:wait", json={})
    if status != exchange.status:
        return [f"status: recorded {exchange.status}, got {status} {said}"[:300]], said
    names.learn(exchange.answer, said, exchange.url)
    said = listed(names, exchange, said)
    return [] if exchange.trust == "testserver" else differences(names.fill(exchange.answer), said), said


def listed(names: Placeholders, exchange: Exchange, said: Any) -> Any:
    """An answer without the items that were left out of the recorded one."""
    if not exchange.only or not isinstance(said, dict):
        return said
    words = names.fill(list(exchange.only))
    told = {
        key: [item for item in value if any(word in json.dumps(item) for word in words)]
        if isinstance(value, list)
        else value
        for key, value in said.items()
    }
    return {key: value for key, value in told.items() if value != [] and key not in PAGING}


def grpc_error(error: Any) -> dict[str, str]:
    """An error as the recordings have it: `NotFound` for `NOT_FOUND`."""
    code = "".join(word.title() for word in error.code().name.split("_"))
    return {"grpc_code": code, "message": error.details()}


def host_of(recorded: str) -> dict[str, str]:
    """The header that names the host as gcloud does to an emulator: the region of a call can stand before it."""
    region = REGIONAL.match(recorded)
    return {"Host": f"{region[1]}-127.0.0.1"} if region else {}


def request(http: httpx.Client, names: Placeholders, exchange: Exchange, url: str, body: Any) -> httpx.Response:
    """Ask, and where the recording shows the operation done, ask again until it is: repeated reads were left out."""
    parts = urlsplit(url)

    def ask() -> httpx.Response:
        headers = host_of(parts.netloc)
        if exchange.media:
            content = names.fill(exchange.media["latin1"]).encode("latin-1")
            headers["content-type"] = names.fill(exchange.media["content_type"])
            return http.request(exchange.verb, f"{parts.path}?{parts.query}", content=content, headers=headers)
        return http.request(exchange.verb, f"{parts.path}?{parts.query}", json=body, headers=headers)

    answer = ask()
    waiting = isinstance(exchange.answer, dict) and exchange.answer.get("done") and exchange.verb == "GET"
    deadline = time.monotonic() + OPERATION_WITHIN_S
    while waiting and answer.is_success and not answer.json().get("done") and time.monotonic() < deadline:
        time.sleep(0.05)
        answer = ask()
    return answer


def wait_for(http: httpx.Client, answer: httpx.Response) -> None:
    """Let the operation of a setup request end."""
    said = answer.json() if answer.content else {}
    name = said.get("name", "")
    version = answer.request.url.path.split("/")[1]
    deadline = time.monotonic() + OPERATION_WITHIN_S
    while "/operations/" in name and not said.get("done") and time.monotonic() < deadline:
        time.sleep(0.05)
        said = http.get(f"/{version}/{name}").json()


def judge(case: Case, number: int, exchange: Exchange, answered: Answered, known: list[Known]) -> Finding:
    """Part the differences into known and unknown ones."""
    lines, answer = answered
    covered = {line: [entry for entry in known if entry.covers(case.name, number, line)] for line in lines}
    unknown = tuple(line for line in lines if not covered[line])
    reasons = tuple(f"{line} (known: {covered[line][0].reason})" for line in lines if covered[line])
    return Finding(case.name, number, exchange, unknown, reasons, answer)
