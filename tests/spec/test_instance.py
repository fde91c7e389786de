"""What several containers have together is judged together."""

import pytest

from schemas import load

SPEC = """\
apiVersion: mlservice/v1
metadata: {{name: scorer}}
spec:
  region: europe-west1
  image: gcr.io/acme/app:1
{lines}"""
COLLECTOR = """  sidecars:
    server: {image: "gcr.io/acme/collector:1", cpu: 1, memory: 512Mi, startupProbe: {tcpSocket: {port: 4317}}}
"""


def loaded(tmp_path, *lines):
    file = tmp_path / "mlservice.yaml"
    file.write_text(SPEC.format(lines="".join(f"{line.rstrip()}\n" for line in lines)), encoding="utf-8")
    [one] = load(file).services
    return one.service.spec


@pytest.mark.parametrize("asked", ["  execution: {environment: Gen2}", "  scaling: {concurrency: 20}"])
def test_half_a_vcpu_beside_a_whole_one_is_enough(tmp_path, asked):
    """For whatever needs one vCPU: it is the sum that Cloud Run looks at."""
    assert loaded(tmp_path, "  resources: {cpu: 500m}", asked, COLLECTOR).resources.cpu_millis == 500


def test_a_container_without_a_name_is_found_by_the_one_it_gets(tmp_path):
    """A sidecar has the first name already: others wait for the second."""
    waits = '    late: {image: "gcr.io/acme/late:1", cpu: 1, dependsOn: [server-2]}'

    assert loaded(tmp_path, COLLECTOR, waits).sidecars["late"].depends_on == ("server-2",)
