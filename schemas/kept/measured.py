"""What monitors measured, in standings: comparisons, their windows, and how columns are distributed."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.kept.document import Count, Moment, Part
from schemas.kept.words import Number, Share, Text, Word

MOST_WINDOWS = 40
"""Windows of one comparison that are kept."""
MOST_COLUMNS = 50
MOST_SHAPES = 60
MOST_BINS = 24
_MOST_COMPARISONS = 8


class Column(Part):
    """What was measured of one column in a window."""

    name: Word = Field(description="Of the column.")
    finding: Word = Field("", description="What is said of it.", examples=["Breach", "Calm", "Chance", "NotEnoughData"])
    reason: Text = Field("", description="Why, in words.")
    distance: Number | None = Field(
        None,
        description="From its baseline, 0 to 1, Google's or that of order, whichever is farther by its limit; of "
        "`performance` the measure itself; null where none was measured.",
    )
    limit: Number | None = Field(None, description="Greatest distance that is fine; null for none.")
    samples: Count | None = Field(None, description="Values in the window; null where nobody tells.")


class Window(Part):
    """One window of a comparison."""

    which: Word = Field(description="Comparison.", examples=["skew", "drift", "predictiondrift", "performance"])
    at: Moment = Field(description="When it ended.")
    job: Word = Field("", description="Job that measured it.")
    finding: Word = Field(description="What is said of it.", examples=["Breach", "Calm", "NotEnoughData"])
    reason: Text = Field("", description="Why, in words.")
    samples: Count | None = Field(None, description="Rows in it; null where nobody tells, which is not 0.")
    columns: tuple[Column, ...] = Field((), max_length=MOST_COLUMNS, description="The worst first.")


class Comparison(Part):
    """How one comparison stands."""

    which: Word = Field(description="`skew`, `drift`, `predictiondrift`, `performance`.")
    finding: Word = Field(description="Of the latest window.")
    reason: Text = Field("", description="Why, in words.")
    at: Moment | None = Field(None, description="When that window ended; null where there is none.")
    since: Moment | None = Field(None, description="Since when it is a breach without a break; null where it is none.")
    windows: Count = Field(0, description="For how many windows.")
    columns: tuple[Word, ...] = Field((), max_length=MOST_COLUMNS, description="Columns that are a breach.")


class Shape(Part):
    """How a column is distributed, in its baseline and in the latest window, over the same bins."""

    labels: tuple[Word, ...] = Field((), max_length=MOST_BINS, description="Bins of a column of labels.")
    edges: tuple[Number, ...] = Field(
        (), max_length=MOST_BINS + 1, description="Where bins of numbers begin, and where the last one ends."
    )
    baseline: tuple[Share, ...] = Field((), max_length=MOST_BINS, description="Share of each bin.")
    serving: tuple[Share, ...] = Field((), max_length=MOST_BINS, description="The same of the window.")

    @model_validator(mode="after")
    def _as_many_as_bins(self) -> Self:
        bins = len(self.labels) or max(0, len(self.edges) - 1)
        if (self.labels and self.edges) or {len(self.baseline), len(self.serving)} != {bins}:
            raise ValueError("shares that are not of as many bins as there are")
        return self


Shapes = Annotated[dict[Word, Shape], Field(max_length=MOST_SHAPES)]


class Monitoring(Part):
    """What watches a service found."""

    comparisons: tuple[Comparison, ...] = Field((), max_length=_MOST_COMPARISONS, description="How each stands.")
    windows: tuple[Window, ...] = Field(
        (), max_length=MOST_WINDOWS * _MOST_COMPARISONS, description="The newest of each comparison, the oldest first."
    )
    shapes: Annotated[dict[Word, Shapes], Field(max_length=_MOST_COMPARISONS)] = Field(
        default_factory=dict, description="Of the latest window: by comparison, by column."
    )
    jobs: Annotated[dict[Word, Word], Field(max_length=_MOST_COMPARISONS)] = Field(
        default_factory=dict, description="By schedule, the newest job whose measurements are here."
    )
    source: Word = Field("", description="Generation of the windows' object that it was read from; empty for none.")
    looked: Moment | None = Field(None, description="When something new was read last; null for never.")
    problem: Text = Field("", description="What of it cannot be read, and why; empty for nothing.")
