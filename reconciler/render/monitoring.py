"""What monitors measured, for a terminal: per comparison a table of columns, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.core.empty_windows import TARGET, empty_side, is_expected
from reconciler.render.moments import ago, minute
from reconciler.render.text import table
from reconciler.render.values import one_line
from schemas.redaction import redacted
from schemas.units import duration_text

NAMES: Mapping[str, str] = {
    "skew": "skew",
    "drift": "drift",
    "predictiondrift": "prediction drift",
    "performance": "performance",
}
AGAINST: Mapping[str, str] = {
    "skew": "requests against the training data",
    "drift": "requests against an earlier window",
    "predictiondrift": "answers against an earlier window",
    "performance": "predictions against labels that came later",
}
WORDS: Mapping[str, tuple[str, str]] = {
    "Breach": ("breach", "bold red"),
    "Chance": ("by chance", "yellow"),
    "NotEnoughData": ("not enough data", "yellow"),
    "NotMeasured": ("not measured", "yellow"),
    "Calm": ("calm", "green"),
    "NoLimit": ("no limit", "dim"),
    "NoWindow": ("no window yet", "yellow"),
}
QUIET = frozenset({"Calm", "NoLimit"})
"""Findings of columns that say nothing of their own."""
_LEVELS = "▁▂▃▄▅▆▇█"
_LONGEST = 40
_REASON = 160
_NAMED = 10
_MARGIN = 4096
"""Characters beyond those shown that are looked at for secrets: a report may be of any length."""
_HEAD = (
    "    column",
    "verdict",
    "distance",
    "limit",
    "by chance",
    "values",
    "baseline",
    "missing",
    "baseline",
    "baseline │ serving",
)
_RIGHT = frozenset(range(2, 9))


def render_monitored(found: Mapping[str, Any], *, now: datetime, every: bool) -> Text:
    """Render what `engine.monitoring` found.

    Args:
        found: As plain data.
        now: The time, for ages.
        every: Show calm columns, too.
    """
    text = Text()
    text.append(found["name"], "bold").append(f"  {found['region']}  ").append(*headline(found)).append("\n")
    if found["monitor"]:
        monitor, model, version = (one_line(found[each]) for each in ("monitor", "model", "version"))
        text.append(f"  monitor {monitor} of {model}, version {version}\n", "dim")
    for each in found["comparisons"]:
        text.append("\n").append_text(_comparison(each, now, every=every))
    if found["performance"]:
        text.append("\n").append_text(_performance(found["performance"], now))
    for line in amiss(found):
        text.append(f"\n  {line}\n", "red")
    return text


def amiss(found: Mapping[str, Any]) -> Iterator[str]:
    """Say which schedules are not there, and which are and should not be."""
    for which in found["gone"]:
        yield f"{one_line(which)}: its schedule is gone: the next apply makes it again"
    for each in found["others"]:
        of = f"{one_line(each['model'])}, version {one_line(each['version'])}"
        yield f"monitor {one_line(each['monitor'])} of {of} has schedules, too: the next apply deletes them"


def headline(found: Mapping[str, Any]) -> tuple[str, str]:
    """Say in a few words how a service stands, with a style."""
    every = [*found["comparisons"]]
    every += [{**found["performance"], "which": "performance"}] if found["performance"] else []
    breaches = [NAMES[each["which"]] for each in every if each["finding"] == "Breach" or each.get("since")]
    if breaches:
        return f"breach of {', '.join(breaches)}", WORDS["Breach"][1]
    silent = [each for each in every if each["finding"] != "Calm"]
    if len({each["finding"] for each in every}) == 1:
        return words_of(every[0]["finding"])
    told = ", ".join(f"{NAMES[each['which']]} ({words_of(each['finding'])[0]})" for each in silent)
    some = "calm but for " if len(silent) < len(every) else ""
    return f"{some}{told}" or WORDS["NotMeasured"][0], WORDS["NotMeasured"][1]


def words_of(finding: str) -> tuple[str, str]:
    """Give the words of a finding, and their style; of one that nobody knows those of what was not measured."""
    return WORDS.get(finding, WORDS["NotMeasured"])


def _comparison(found: Mapping[str, Any], now: datetime, *, every: bool) -> Text:
    text = Text()
    words, style = words_of(found["finding"])
    text.append(f"  {NAMES[found['which']]}", "bold").append("  ").append(words, style)
    text.append(f"{standing(found, now)}\n  {AGAINST[found['which']]}\n")
    for line in lines(found, now):
        text.append(f"    {line}\n")
    for line, how in troubles(found):
        text.append(f"    {line}\n", how)
    text.append_text(_columns(found["columns"], every=every))
    return text.append_text(_history(left, found["which"])) if (left := others(found)) else text


def standing(found: Mapping[str, Any], now: datetime) -> str:
    """Say since when a breach stands; nothing where nobody remembers."""
    if not found["since"]:
        return ""
    row = f", {found['inARow']} windows in a row" if found["inARow"] > 1 else ""
    since = f"since {minute(found['since'])} UTC ({ago(found['since'], now)}){row}"
    return f" {since}" if found["finding"] == "Breach" else f", and breach {since} before"


def lines(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Say when it was, when it is next, and what is said of it."""
    schedule = found["schedule"]
    late = " (late)" if schedule["next"] and _past(schedule["next"], now) else ""
    due = "paused: no next one" if schedule["paused"] else f"next {minute(schedule['next']) or 'unknown'} UTC{late}"
    none = "no window yet (a run on demand counts as none)"
    until = f"window until {minute(found['at'])} UTC ({ago(found['at'], now)})" if found["at"] else none
    yield f"{until} · {due} · {found['minSamples']} values tell something"
    if found["reason"]:
        yield one_line(found["reason"])
    taken = [_cut(each["name"], _LONGEST) for each in found["columns"] if by_logarithm(each)]
    if taken:
        more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
        yield f"compared by the logarithm: {', '.join(taken[:_NAMED])}{more}"


def by_logarithm(column: Mapping[str, Any]) -> bool:
    """Tell whether a column is compared by its logarithm."""
    return column.get("scale") == "logarithmic"


def short(reason: str) -> str:
    """Give a reason on a line that one reads: the API quotes whole queries. JSON has all of it."""
    return _cut(reason, _REASON)


def _cut(text: Any, longest: int) -> str:
    """Cut a text to a line, after what looks like a secret is hidden: half of one is known by nothing any more."""
    line = redacted(one_line(str(text)[: longest + _MARGIN]))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _past(moment: str, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(moment) < now
    except (ValueError, TypeError):
        return False


def troubles(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what went wrong of late, each with a style."""
    failed = found["unmeasured"]
    if failed and failed["going"]:
        yield f"a job for {minute(failed['at'])} UTC has not ended yet", "yellow"
    elif failed and empty_side(failed["reason"]):
        expected = is_expected(found["which"], failed["reason"])
        told = f"the job for {minute(failed['at'])} UTC measured nothing: {why(failed['reason'], found['which'])}"
        yield told, "yellow" if expected else "red"
    elif failed:
        yield f"the job for {minute(failed['at'])} UTC failed: {short(failed['reason'])}", "red"
    if found["schedule"]["problem"]:
        yield one_line(found["schedule"]["problem"]), "red"


def why(reason: str, which: str) -> str:
    """Give the reason of a window in a line.

    Args:
        reason: As it was told.
        which: What was compared.
    """
    side = empty_side(reason)
    if not side:
        return short(reason)
    if side == TARGET:
        return "no rows in the window"
    return "no rows in the earlier window" if is_expected(which, reason) else "no rows in the baseline"


def _performance(found: Mapping[str, Any], now: datetime) -> Text:
    text = Text()
    words, style = words_of(found["finding"])
    text.append("  performance", "bold").append("  ").append(words, style)
    text.append(f"{standing(found, now)}\n  {AGAINST['performance']}\n")
    for line in outcome_lines(found, now):
        text.append(f"    {line}\n")
    if found["unmeasured"]:
        text.append(f"    {unmeasured(found)}\n", "red")
    rows = [measure_cells(each) for each in found["measures"]]
    if rows:
        styles = [words_of(each["finding"])[1] for each in found["measures"]]
        text.append_text(table(rows, MEASURES, right=range(2, len(MEASURES)), styles=styles))
    told = {found["at"], (found["unmeasured"] or {}).get("at")}
    earlier = [each for each in found["history"] if each["at"] not in told]
    return text.append_text(_history(earlier, "performance")) if earlier else text


def outcome_lines(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Say which window it was, how many labels it has, and what is said of it."""
    late = f"labels come {duration_text(1000 * found['after'])} later" if found["after"] else "labels come at once"
    between = f"window {minute(found['from'])} to {minute(found['to'])} UTC, judged {ago(found['at'], now)}"
    yield f"{between if found['at'] else 'no window yet'} · {late} · {found['minSamples']} tell something"
    words = f"{found['labelled']} of {found['predictions']} predictions have a label"
    if found["predictions"] and not found["reason"].startswith(words):
        some, of = found["labelled"], found["predictions"]
        yield f"{some} of {of} predictions have a label ({some / of:.1%}){''.join(_lost(found))}"
    if found["reason"] and not any("value" in each for each in found["measures"]):
        yield short(found["reason"])


def _lost(found: Mapping[str, Any]) -> Iterator[str]:
    for name, why in (("contradictory", "contradict each other"), ("unreadable", "cannot be read")):
        if found[name]:
            yield f"; those of {found[name]} {why}"


def unmeasured(found: Mapping[str, Any]) -> str:
    """Say why the newest window could not be measured."""
    failed = found["unmeasured"]
    return f"the window judged {minute(failed['at'])} UTC could not be measured: {short(failed['reason'])}"


MEASURES = ("    measure", "verdict", "value", "limit", "by chance", "of rows")
_ERRORS = frozenset({"mae", "rmse", "bias"})


def measure_cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the cells of a measure."""
    limit = number(found.get("limit"), "g")
    return (
        f"    {_cut(found['name'], _LONGEST)}",
        words_of(found["finding"])[0],
        number(found.get("value"), ".3g"),
        f"{'at most' if found['name'] in _ERRORS else 'at least'} {limit}",
        number(found.get("expected"), ".3g"),
        number(found.get("rows"), ".0f"),
    )


def _columns(columns: Sequence[Mapping[str, Any]], *, every: bool) -> Text:
    shown = [each for each in columns if every or each["finding"] not in QUIET]
    text = Text()
    if shown:
        rows = [row for each in shown for row in _rows(each)]
        styles = [style for _, style in rows]
        text.append_text(table([cells for cells, _ in rows], _HEAD, right=_RIGHT, styles=styles))
    left = [each for each in columns if each not in shown]
    if left:
        text.append(f"    {quiet(left)}; --all shows {'them' if len(left) > 1 else 'it'}\n", "dim")
    return text


def quiet(columns: Sequence[Mapping[str, Any]]) -> str:
    """Say how many columns say nothing, and which of them is the farthest by its limit."""
    calm = sum(1 for each in columns if each["finding"] == "Calm")
    free = len(columns) - calm
    said = [f"{calm} calm" if calm else "", f"{free} without a limit" if free else ""]
    found = [(each["name"], which, told) for each in columns for which, told in _distances(each)]
    far = max(found, key=lambda each: _part(each[2]), default=None)
    most = f", the farthest {one_line(far[0])}: {far[1]}{far[2]['distance']:.3g} of {far[2]['limit']:g}" if far else ""
    return ", ".join(each for each in said if each) + most


def _distances(column: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give what was measured of a column and has a limit, with a word for which distance it is."""
    for which, told in (("", column), ("by order ", ordered(column) or {})):
        if told.get("limit") and told.get("distance") is not None:
            yield which, told


def _part(told: Mapping[str, Any]) -> float:
    return float(told["distance"]) / float(told["limit"])


def ordered(column: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give what is said of a column's order; None where that has no limit."""
    found: Mapping[str, Any] = column.get("order") or {}
    return found if "limit" in found else None


def _rows(column: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give the cells of a column and their style, and below them those of its order."""
    yield _cells(column), words_of(column["finding"])[1]
    if found := ordered(column):
        words, style = words_of(found["finding"])
        cells = ("      by order", words, *distance_cells(found))
        yield (*cells, *[""] * (len(_HEAD) - len(cells))), style


def distance_cells(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Give the cells of a distance: itself, its limit, and what chance makes of it."""
    return (
        number(found.get("distance"), ".3f"),
        number(found.get("limit"), "g"),
        number(found.get("expected"), ".3f"),
    )


def _cells(column: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"    {_cut(column['name'], _LONGEST)}",
        words_of(column["finding"])[0],
        *distance_cells(column),
        number(column.get("rows"), "d"),
        number(column.get("baselineRows"), "d"),
        number(column.get("missing"), ".1%"),
        number(column.get("baselineMissing"), ".1%"),
        bars(column.get("histogram")),
    )


def number(value: Any, form: str) -> str:
    """Give a number, or a dash where none is known."""
    return "-" if value is None else format(value, form)


def bars(shape: Mapping[str, Any] | None) -> str:
    """Draw both sides over the same bins, to the same height; what is empty is a space."""
    if not shape:
        return ""
    most = max((*shape["baseline"], *shape["serving"]), default=0.0)
    baseline, serving = ("".join(_bar(share, most) for share in shape[side]) for side in ("baseline", "serving"))
    return f"│{baseline}│{serving}│"


def _bar(share: float, most: float) -> str:
    if share <= 0 or most <= 0:
        return " "
    return _LEVELS[min(len(_LEVELS) - 1, int(share / most * len(_LEVELS)))]


def _history(windows: Sequence[Mapping[str, Any]], which: str) -> Text:
    text = Text()
    text.append("    other windows\n", "bold")
    for each in windows:
        words, style = words_of(each["finding"])
        text.append(f"    {minute(each['at'])}  ").append(f"{words:<15}", style).append(
            f"  {why(each['reason'], which)}\n"
        )
    return text


def others(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the windows of a comparison of which nothing is told yet."""
    told = {found["job"], (found["unmeasured"] or {}).get("job")}
    return [each for each in found["history"] if each["job"] not in told]
