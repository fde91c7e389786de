"""A torch program called in a loop, without a server: as fast as the card goes.

python benchmarks/runtime/peers/torch_loop.py FILE WIDTH      prints rows per second by batch, as one line of JSON
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from torch_peer import loaded  # beside this file

BATCHES = (1, 32, 64, 128, 256, 512)
SECONDS = 1.0


def rate(module: torch.nn.Module, width: int, batch: int) -> float:
    """Give rows per second, from numpy to numpy."""
    rows = np.random.default_rng(0).integers(0, 30_000, (batch, width)).astype(np.float32)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.inference_mode():
        for _ in range(4):
            module(torch.from_numpy(rows).to(device)).cpu()
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            module(torch.from_numpy(rows).to(device)).cpu().numpy()
            calls += 1
        return calls * batch / (time.perf_counter() - began)


if __name__ == "__main__":
    program = loaded(sys.argv[1])
    print(json.dumps({str(batch): round(rate(program, int(sys.argv[2]), batch), 1) for batch in BATCHES}))
