"""Conditions of IAM grants: which objects of a bucket, or which one thing. The one place that writes them.

Whatever a name holds stays a name: text that a spec, or a registry that others write to, put there never becomes a part
of the expression, which would widen the grant.

Source:
    Resource names in conditions: https://cloud.google.com/iam/docs/conditions-resource-attributes: listing is asked of
    the bucket, reading of the object. Escapes: the definition of CEL, "string literals".
"""

from __future__ import annotations

import json
from collections.abc import Iterable


def quoted(text: str) -> str:
    """Write text as a literal of CEL: JSON escapes quotes and backslashes as CEL does, and all else stays."""
    return json.dumps(text, ensure_ascii=False)


def below(bucket: str, *prefixes: str) -> str:
    """Write the condition: objects whose names begin so, and listing the bucket.

    Args:
        bucket: Its name.
        prefixes: Of the objects; an empty one for all of them.
    """
    whole = bucket_name(bucket)
    objects = [f"resource.name.startsWith({quoted(f'{whole}/objects/{prefix}')})" for prefix in prefixes]
    return " || ".join([f"resource.name == {quoted(whole)}", *objects])


def one_object(bucket: str, name: str) -> str:
    """Write the condition: this one object."""
    return only(f"{bucket_name(bucket)}/objects/{name}")


def only(resource: str) -> str:
    """Write the condition: this one resource, by its full name."""
    return f"resource.name == {quoted(resource)}"


def dataset(project: str, name: str) -> str:
    """Write the condition: a dataset of BigQuery, and the tables and models in it.

    Source:
        cloud.google.com/iam/docs/conditions-resource-attributes: what is made in a dataset is asked of the dataset.
    """
    whole = f"projects/{project}/datasets/{name}"
    return f"resource.name == {quoted(whole)} || resource.name.startsWith({quoted(f'{whole}/')})"


def only_roles(roles: Iterable[str]) -> str:
    """Write the condition of a role that manages access: nothing but these roles is given or taken.

    Source:
        cloud.google.com/iam/docs/setting-limits-on-granting-roles.
    """
    listed = ", ".join(map(quoted, roles))
    return f"api.getAttribute({quoted('iam.googleapis.com/modifiedGrantsByRole')}, []).hasOnly([{listed}])"


def bucket_name(bucket: str) -> str:
    """Give a bucket's name as conditions have it."""
    return f"projects/_/buckets/{bucket}"
