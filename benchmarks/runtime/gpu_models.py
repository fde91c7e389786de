"""Torch modules for a GPU: one as large as BERT-base, and small ones that are hard to move or to record."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

TOKENS = 128
VOCABULARY = 30_522
WIDTH = 768


class Block(nn.Module):
    """Attention and two dense layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 64
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform one layer's states."""
        rows, tokens, width = x.shape
        parts = self.mixed(x).view(rows, tokens, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        x = self.first(x + self.out(seen.transpose(1, 2).reshape(rows, tokens, width)))
        return self.second(x + self.narrow(functional.gelu(self.wide(x))))


class Bert(nn.Module):
    """Token numbers in a table of floats to one number each."""

    def __init__(self, layers: int = 12, width: int = WIDTH) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Parameter(torch.randn(TOKENS, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(layers)))
        self.answer = nn.Linear(width, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows."""
        x = self.tokens(rows.to(torch.long)) + self.places
        return self.answer(self.blocks(x)[:, 0]).to(torch.float32)


class Placed(nn.Module):
    """What ties a program to the device that it was exported on: a constant, a range, types."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 1)
        self.constant = torch.tensor([1.0, -2.0, 3.0, 0.5])

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows."""
        places = torch.arange(rows.shape[1], device=rows.device).to(torch.float32)
        return self.dense((rows.to(torch.float64) * 2).to(torch.float32) + self.constant * places)


class Halved(nn.Module):
    """Answers that numpy has no type for."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows."""
        return self.dense(rows).to(torch.bfloat16)


class Looking(nn.Module):
    """A module that decides by what it computes: it cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows."""
        found = self.dense(rows)
        if bool(found.sum() > 1e30):
            found = found * 2
        return found


class Drawing(nn.Module):
    """A module whose answers are never the same: it must not be recorded either."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows, but for those that it leaves out."""
        return functional.dropout(self.dense(rows), 0.5, training=True)


class Small(nn.Module):
    """So small that a GPU has next to nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Score rows."""
        return self.layers(rows)


def write(module: nn.Module, folder: Path, ending: str, width: int) -> Path:
    """Write a module as it is at home, on a CPU; gives its folder."""
    folder.mkdir(parents=True)
    rows = torch.zeros(2, width)
    module = module.eval()
    if ending == ".pt":
        traced = (
            module if isinstance(module, torch.jit.ScriptModule) else torch.jit.trace(module, rows, check_trace=False)
        )
        traced.save(str(folder / "model.pt"))
    else:
        shapes = ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(module, (rows,), dynamic_shapes=shapes), folder / "model.pt2")
    return folder
