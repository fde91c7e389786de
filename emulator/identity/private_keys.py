"""Private keys in the state folder: PEM files that nobody else reads, each made when it is first asked for."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def kept(path: Path, make: Callable[[], PrivateKeyTypes]) -> PrivateKeyTypes:
    """The key of a file.

    Args:
        path: Of the file, made (mode 600) when it is not there: whole, whenever the process ends.
        make: Gives a new key.
    """
    if path.exists():
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    key = make()
    half = path.with_name(f"{path.name}.new")
    half.touch(mode=0o600)
    half.write_bytes(pem(key))
    half.replace(path)
    return key


def pem(key: PrivateKeyTypes) -> bytes:
    """A key as its file has it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
