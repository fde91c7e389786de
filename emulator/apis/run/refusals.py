"""How Cloud Run says no to a value."""

from emulator.core.failures import ApiFailure


def bad(field: str, text: str) -> ApiFailure:
    """Refuse the value of a field."""
    return ApiFailure("INVALID_ARGUMENT", f"{field}: {text}" if field else text)


def check_between(field: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside its bounds, which are allowed themselves."""
    if not least <= value <= most:
        raise bad(field, f"must be between {least} and {most} inclusive")
