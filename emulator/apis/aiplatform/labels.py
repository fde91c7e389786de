"""What labels and display names may be.

Source: constraints.md sections 1 and 9; comments of `Model.labels` and `Model.display_name`.
"""

from collections.abc import Iterator, Mapping

MOST, LONGEST, LONGEST_NAME = 64, 64, 128
GOOGLES = ("aiplatform.googleapis.com/",)


def check_labels(labels: Mapping[str, str], field: str) -> Iterator[tuple[str, str]]:
    """What is wrong with labels: pairs of field and message."""
    if len(labels) > MOST:
        yield field, f"A resource has at most {MOST} labels."
    for key, value in sorted(labels.items()):
        if key.startswith(GOOGLES):
            yield field, f'The label key "{key}" is reserved for Google.'
        elif not key or not fits(key) or not fits(value):
            text = "at most 64 lowercase letters, digits, underscores and dashes"
            yield field, f'Invalid label "{key}={value}": key and value have {text}.'


def fits(text: str) -> bool:
    """Whether a key or a value is made of what it may have. Letters without case, as in Chinese, are allowed."""
    return len(text) <= LONGEST and all(
        c in "_-" or c.isdigit() or (c.isalpha() and not c.isupper() and not c.istitle()) for c in text
    )


def check_display_name(name: str, field: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a display name."""
    if not name:
        yield field, "Display name is required."
    elif len(name) > LONGEST_NAME:
        yield field, f"Display name must be at most {LONGEST_NAME} characters long."
