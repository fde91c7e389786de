"""Container images without a container engine: a folder and a command, found by tag or digest.

See docs/decisions on images. The emulated Artifact Registry shows them, Cloud Run starts their command.
"""

from emulator.images.library import Image, Images
from emulator.images.unpacking import NotAnImageError

__all__ = ["Image", "Images", "NotAnImageError"]
