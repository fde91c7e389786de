"""Files that hold credentials, by their names and by what stands in them, so that none is uploaded with a model.

What looks like a secret inside any text, `schemas.redaction` knows.
"""

import re
from fnmatch import fnmatch

from schemas.redaction import surely_secret

LARGEST_BYTES = 64 * 1024
"""A larger file is taken for none, whatever stands in it."""

_FILES = {
    "gha-creds-*.json": "credentials of a GitHub Action",
    "application_default_credentials.json": "your own Google credentials",
    "credentials.db": "gcloud's credentials",
    "access_tokens.db": "gcloud's credentials",
    "*.pem": "a private key or certificate",
    "*.key": "a private key",
    "*.p12": "a private key",
    "*.pfx": "a private key",
    "id_rsa*": "an SSH key",
    "id_ed25519*": "an SSH key",
    "id_ecdsa*": "an SSH key",
    "id_dsa*": "an SSH key",
    "*.ppk": "an SSH key",
    "*.jks": "a store of keys",
    "*.keystore": "a store of keys",
    "*.kdbx": "a password safe",
    "*.tfstate": "Terraform's state, which holds secrets in plain text",
    "*.tfstate.*": "Terraform's state, which holds secrets in plain text",
    "*.tfvars": "Terraform's variables, which hold secrets in plain text",
    "*.tfvars.json": "Terraform's variables, which hold secrets in plain text",
    "client_secret*.json": "an OAuth client's secret",
    "kubeconfig": "credentials of a Kubernetes cluster",
    "_netrc": "passwords of many hosts",
    "*netrc": "passwords of many hosts",
    "credentials": "credentials of a cloud",
    "credentials.json": "credentials of a cloud",
    "credentials.csv": "credentials of a cloud",
    "*.env": "environment variables, which often hold secrets",
    "*npmrc": "a token of a package registry",
    "*pypirc": "passwords of package registries",
    "*pgpass": "passwords of databases",
    "*htpasswd": "passwords",
}
_TEXTS = {
    re.compile(rb'"private_key"\s*:\s*"-----BEGIN'): "a service account's key",
    re.compile(rb'"refresh_token"\s*:\s*"'): "a person's credentials",
    re.compile(rb'"terraform_version"\s*:'): "Terraform's state, which holds secrets in plain text",
    re.compile(rb'"credential_source"\s*:\s*\{'): "federated credentials",
    re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"): "a private key",
    re.compile(
        rb"(?i)\baws_(?:secret_access_key|session_token)[\"']?\s*[=:]\s*[\"']?[0-9A-Za-z/+=]{16}"
    ): "keys of AWS",
    re.compile(rb"(?m)^//[^\s=]+:_(?:authToken|password|auth)\s*=\s*[^\s$]{4}"): "a token of a package registry",
    re.compile(
        rb"(?ms)^\[(?:pypi|testpypi|distutils)\].{0,2000}?^password\s*[=:]\s*\S"
    ): "passwords of package registries",
}


def named(name: str) -> str:
    """Say what sort of credentials a file of that name holds; nothing for any other name."""
    return next((what for pattern, what in _FILES.items() if fnmatch(name.lower(), pattern)), "")


def held(content: bytes) -> str:
    """Say what sort of credentials stand in a file; nothing for none.

    Args:
        content: Of a file of `LARGEST_BYTES` at most.
    """
    marked = next((what for mark, what in _TEXTS.items() if mark.search(content)), "")
    return marked or ("a file with a key or token in it" if surely_secret(text_of(content)) else "")


def text_of(content: bytes) -> str:
    """Give the text that a file is; nothing for one that is none."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
