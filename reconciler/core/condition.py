"""Conditions of IAM grants: which objects of a bucket, or which one thing. The one place that writes them.

Whatever a name holds stays a name: text that a spec, or a registry that others write to, put there never becomes a part
of the expression, which would widen the grant.

Source:
    Resource names in conditions: https://cloud.google.com/iam/docs/conditions-resource-attributes: listing is asked of
    the bucket, reading of the object. Escapes: the definition of CEL, "string literals".
"""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """Write text as a literal of CEL: JSON escapes quotes and backslashes as CEL does, and all else stays."""
    return json.dumps(text, ensure_ascii=False)


def below(bucket: str, prefix: str) -> str:
    """Write the condition: objects whose names begin so, and listing the bucket.

    Args:
        bucket: Its name.
        prefix: Of the objects; empty for all of them.
    """
    whole = bucket_name(bucket)
    return f"resource.name == {quoted(whole)} || resource.name.startsWith({quoted(f'{whole}/objects/{prefix}')})"


def one_object(bucket: str, name: str) -> str:
    """Write the condition: this one object."""
    return only(f"{bucket_name(bucket)}/objects/{name}")


def only(resource: str) -> str:
    """Write the condition: this one resource, by its full name."""
    return f"resource.name == {quoted(resource)}"


def bucket_name(bucket: str) -> str:
    """Give a bucket's name as conditions have it."""
    return f"projects/_/buckets/{bucket}"
