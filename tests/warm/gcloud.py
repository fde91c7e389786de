"""What gcloud imports, whatever it is asked for. Run by gcloud's own Python, which knows nothing of ours."""

import os
import sys
from pathlib import Path

LIBRARY = Path(os.environ["CLOUDSDK_ROOT_DIR"]) / "lib"
sys.path[1:1] = [str(LIBRARY), str(LIBRARY / "third_party")]

import googlecloudsdk.gcloud_main  # noqa: E402, F401 - found by the line above; here for its effect
