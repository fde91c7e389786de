"""Wall time of whole commands, beside the bars: `--help` 0.25 s, `validate` 0.6 s, `plan --local` 1.8 s."""

import statistics
import subprocess
import sys
import time

from benchmarks.cloud import against, cloud, mlservice, spec, wall_s

IMPORTS = """
import time
started = time.perf_counter()
from reconciler.gcp.light import client_class
client_class("google.cloud.run_v2", "services", "ServicesClient")
client_class("google.cloud.run_v2", "revisions", "RevisionsClient")
client_class("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistryClient")
client_class("google.cloud.iam_admin_v1", "iam", "IAMClient")
client_class("google.cloud.resourcemanager_v3", "projects", "ProjectsClient")
client_class("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerServiceClient")
from google.cloud import storage
print(time.perf_counter() - started)
"""


def importing_s(code: str) -> float:
    """Time imports in a fresh interpreter, the median of several."""
    run = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return statistics.median(float(done.stdout) for done in run)


def main() -> None:
    """Print the table."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    print(f"a bare interpreter: {time.perf_counter() - started:.2f} s")
    with cloud() as (_, folder):
        path = folder / "mlservice.yaml"
        path.write_text(spec("churn"))
        mlservice("plan", str(path), "--local")
        for what, bar, command in (
            ("mlservice --help", 0.25, ("--help",)),
            ("mlservice validate", 0.6, ("validate", str(path))),
            ("mlservice plan --local (emulator warm, nothing there yet)", 1.8, ("plan", str(path), "--local")),
        ):
            least, median, greatest = wall_s(*command)
            against(f"{what}  [{least:.2f} .. {greatest:.2f}]", median, bar)
        mlservice("apply", str(path), "--local", "--yes")
        least, median, greatest = wall_s("plan", str(path), "--local")
        against(f"mlservice plan --local (empty plan)  [{least:.2f} .. {greatest:.2f}]", median, 1.8)
        path.write_text(spec("churn") + "  env: {LOG_LEVEL: debug}\n")
        least, median, greatest = wall_s("plan", str(path), "--local")
        against(f"mlservice plan --local (a difference)  [{least:.2f} .. {greatest:.2f}]", median, 1.8)
    against("importing what a plan needs of Google's packages", importing_s(IMPORTS), 1.2)


if __name__ == "__main__":
    main()
