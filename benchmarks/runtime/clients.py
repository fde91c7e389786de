"""KServe's own clients, from an environment of their own, ask our server for tensors of every datatype.

python -m benchmarks.runtime.clients        after `python -m benchmarks.runtime install --only kserve`

Through REST in JSON, REST in binary and gRPC: what a model that gives its input back is sent must come back.
Exit status 1 if anything else does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from benchmarks.runtime import peers
from benchmarks.runtime.servers import end, free_port, wait_until

ELEMENTS = {
    "BOOL": "BOOL",
    **{f"{sign}INT{bits}": f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "FP16": "FLOAT16",
    "FP32": "FLOAT",
    "FP64": "DOUBLE",
    "BYTES": "STRING",
}


def graphs(folder: Path) -> None:
    """Write a model for each datatype that gives its input back."""
    for name, element in ELEMENTS.items():
        ends = [helper.make_tensor_value_info(end, getattr(TensorProto, element), ["n", 2]) for end in "xy"]
        made = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
        (folder / name).mkdir()
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(made, opset_imports=opset, ir_version=9), folder / name / "model.onnx")


def main() -> None:
    """Print what was asked, and what was not answered with what was sent."""
    client = next(peer for peer in peers.PEERS if peer.name == "kserve")
    if not client.installed:
        raise SystemExit("kserve: not installed (python -m benchmarks.runtime install --only kserve)")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        graphs(Path(folder))
        command = [sys.executable, "-m", "runtime", folder, "--port", str(port), "--grpc-port", str(port + 1)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until(process, f"http://127.0.0.1:{port}/v2/health/ready")
            script = peers.HERE / "peers" / "kserve_client.py"
            asked = subprocess.run(
                [client.python, str(script)],
                env={**os.environ, "PORT": str(port)},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            end(process)
    found = [json.loads(line) for line in asked.stdout.splitlines() if line.startswith("{")]
    counts = Counter(one["door"] for one in found if one["what"] == "equal")
    wrong = [one for one in found if one["what"] != "equal"]
    print(f"{peers.version(client)}: {sum(counts.values())} of {len(found)} requests answered with what was sent")
    print("\n".join(f"  {door}: {count}" for door, count in counts.items()))
    print("\n".join(f"  {one['door']}, {one['datatype']}: {one['what']}" for one in wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
