"""How a value is refused: a summary for people, a hint, and a rule name that tools can filter on."""

from pydantic_core import PydanticCustomError

from schemas.showing import shown

__all__ = ["refusal", "shown"]


def refusal(rule: str, summary: str, hint: str = "") -> PydanticCustomError:
    """The error a validator raises; the loader turns it into a `Problem` with a place.

    Args:
        rule: Stable name in kebab-case, `duration-syntax`.
        summary: One line that begins with the offending value.
        hint: What to do about it.
    """
    return PydanticCustomError("refused", "{summary}", {"rule": rule, "summary": summary, "hint": hint})
