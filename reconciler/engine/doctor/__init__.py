"""Everything that could be in the way of these specs, looked at before anything is applied. Nothing is ever written.

Only what the specs at hand need is looked at. Each check stands for itself: one that cannot be made says so, and stops
no other.
"""

from reconciler.engine.doctor.examination import examine

__all__ = ["examine"]
