"""The protocol's messages, from the committed descriptor.

A descriptor is read by every protobuf runtime; generated code only by those of about its own version. The pool is our
own, so that another library's copy of the same messages cannot clash with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DESCRIPTOR = Path(__file__).parent / "inference.desc"
PACKAGE = "inference"


def _classes() -> dict[str, Any]:
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    names = [message.name for file in files.file for message in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in names}


MESSAGES = _classes()
