"""What was rejected before and comes again under another name: the same image and model in another template. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.core.rollout.position import Rollout, untried

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def alike(rollout: Rollout, now: datetime) -> str:
    """Say which version that was rejected had the image and the model of the one that is wanted; nothing for none.

    It is allowed: another template may be what was wrong. People are told before it goes out.

    Args:
        rollout: Where it stands.
        now: The time.
    """
    same = [
        each
        for each in rollout.rejected
        if each.content
        and each.content == rollout.content
        and not each.cleared
        and untried(each.version) != rollout.base
    ]
    if not same:
        return ""
    last = max(same, key=lambda each: each.at)
    return f"same image and model as version {last.version}, rejected {ago(now - last.at)}: {last.why}"


def ago(span: timedelta) -> str:
    """Say how long ago something was, in its largest unit: `2 h ago`."""
    if span < _HOUR:
        return f"{max(0, span // timedelta(minutes=1))} min ago"
    return f"{span // _HOUR} h ago" if span < 2 * _DAY else f"{span // _DAY} days ago"
