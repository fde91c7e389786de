"""Container images without a container engine: a folder and a command, found by tag or digest.

See docs/decisions on images. The emulated Artifact Registry shows them, Cloud Run starts their command.
"""

from emulator.images.library import Image, Images

__all__ = ["Image", "Images"]
