"""Bounds that parts of standings share: whoever writes a text there may not be who we think, and a page shows it."""

from typing import Annotated

from pydantic import Field

from schemas.kept.document import MOST

LONGEST_WORD, LONGEST_TEXT = 300, 1500
"""Characters of a name, and of a sentence or several."""

Word = Annotated[str, Field(max_length=LONGEST_WORD)]
"""A name, or a few words."""
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
"""Sentences."""
Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""Of a whole, 0 to 1."""
Percent = Annotated[int, Field(ge=0, le=100)]
Amount = Annotated[str, Field(max_length=40, pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,12})?$")]
"""Money, exact: as text, without an exponent."""
