"""What tests of the language share: a spec to start from, and what is said about one."""

import pytest

from schemas import SpecError, load

SPEC = """\
apiVersion: mlservice/v1
metadata: {name: churn}
spec:
  region: europe-west1
  image: gcr.io/acme/app:1
"""


@pytest.fixture
def said(tmp_path):
    """Write text or bytes to a file, load it, and give back what is said, without the file's name."""

    def write_and_load(content, **kwargs):
        file = tmp_path / "mlservice.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            problems = load(file, **kwargs).warnings
        except SpecError as error:
            problems = error.problems
        return [str(problem).removeprefix(f"{file}").removeprefix(":").strip() for problem in problems]

    return write_and_load


@pytest.fixture
def loaded(tmp_path):
    """Write a spec to a file and load its one service."""

    def write_and_load(content, **kwargs):
        file = tmp_path / "mlservice.yaml"
        file.write_text(content, encoding="utf-8")
        (service,) = load(file, **kwargs).services
        return service

    return write_and_load
