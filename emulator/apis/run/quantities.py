"""CPU and memory quantities as Kubernetes writes them."""

import re

from emulator.core.failures import ApiFailure

UNITS = {"": 1, "k": 10**3, "Ki": 2**10, "M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30, "T": 10**12, "Ti": 2**40}
MIB = 2**20


def cpu_millis(text: str, field: str) -> int:
    """Read `1`, `0.5` or `1000m` in thousandths of a vCPU.

    Raises:
        ApiFailure: INVALID_ARGUMENT that names the field.
    """
    if found := re.fullmatch(r"(\d+)m", text):
        return int(found[1])
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return round(float(text) * 1000)
    raise ApiFailure("INVALID_ARGUMENT", f"{field}: Invalid value specified for cpu. '{text}' is not a quantity.")


def memory_bytes(text: str, field: str) -> int:
    """Read `512Mi`, `1G` or plain bytes.

    Raises:
        ApiFailure: INVALID_ARGUMENT that names the field.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kKMGT]i?)?", text)
    if found is None or (found[2] or "") not in UNITS:
        raise ApiFailure(
            "INVALID_ARGUMENT", f"{field}: Invalid value specified for memory. '{text}' is not a quantity."
        )
    return round(float(found[1]) * UNITS[found[2] or ""])
