"""Selectors of labels: `name = value`, `name in (one,other)`, several with commas between them.

Source:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels, of which gcloud writes these two forms.
"""

import re
from collections.abc import Mapping

from emulator.core.failures import ApiFailure

TERM = re.compile(r"\s*([^\s=!,()]+)\s*(?:==?\s*([^\s,()]*)|in\s*\(([^()]*)\))\s*(?:,|$)")


def chosen(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels fit a selector.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is of another form.
    """
    at = 0
    while at < len(selector.rstrip()):
        term = TERM.match(selector, at)
        if term is None:
            raise ApiFailure("INVALID_ARGUMENT", f"labelSelector: '{selector}' is not of the form name=value")
        name, value, values = term.groups()
        wanted = {value} if values is None else {each.strip() for each in values.split(",")}
        if labels.get(name) not in wanted:
            return False
        at = term.end()
    return True
