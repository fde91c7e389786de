"""What of a service's sizes and numbers is more, or less, than what was measured of it. Pure."""

from reconciler.cost.advice.advise import advise
from reconciler.cost.advice.measured import Measured
from reconciler.cost.advice.piece import Advice, Edit, Kept, Piece
from reconciler.cost.advice.spread import Bucket, Spread

__all__ = ["Advice", "Bucket", "Edit", "Kept", "Measured", "Piece", "Spread", "advise"]
