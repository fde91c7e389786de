"""Google's sample job: `SLEEP_MS` of work per task, and a share `FAIL_RATE` (0 to 1) of attempts that fail.

Source: https://cloud.google.com/run/docs/quickstarts/jobs/build-create-python (main.py).
"""

import os
import random
import sys
import time


def main() -> None:
    """Run one attempt of one task."""
    task, attempt = os.environ.get("CLOUD_RUN_TASK_INDEX", "0"), os.environ.get("CLOUD_RUN_TASK_ATTEMPT", "0")
    sys.stdout.write(f"Starting Task #{task}, Attempt #{attempt}...\n")
    time.sleep(float(os.environ.get("SLEEP_MS", "0")) / 1000)
    if random.random() < float(os.environ.get("FAIL_RATE", "0")):  # noqa: S311 - chance, not a secret
        sys.stdout.write(f"Task #{task}, Attempt #{attempt} failed.\n")
        sys.exit(1)
    sys.stdout.write(f"Completed Task #{task}.\n")


if __name__ == "__main__":
    main()
