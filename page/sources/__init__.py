"""Where documents lie: a bucket of Cloud Storage, a folder with the same names, or a program's memory."""

from page.sources.folder import Folder
from page.sources.memory import Memory
from page.sources.source import Source, SourceError, TooLarge

__all__ = ["Folder", "Memory", "Source", "SourceError", "TooLarge"]
