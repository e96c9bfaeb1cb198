"""Why a file, or one of its crystals, cannot be used: the error and the list entry."""

from typing import NamedTuple


class CifError(ValueError):
    """A crystal that cannot be used.

    Attributes:
      file: the file, and the block if it has several.
      reason: a short category, by which skipped files are counted, e.g. 'no atoms'.
      detail: what exactly is wrong, with the offending value.
    """

    def __init__(self, reason: str, detail: str, file: str = ""):
        super().__init__(f"{file + ': ' if file else ''}{reason}: {detail}")
        self.file = file
        self.reason = reason
        self.detail = detail

    def __reduce__(self):
        # Worker processes pickle errors; the default would call __init__ with the message alone.
        return CifError, (self.reason, self.detail, self.file)

    def of(self, file: str) -> "CifError":
        """Return the same error, naming its file."""
        return CifError(self.reason, self.detail, file)


class SkippedFile(NamedTuple):
    """A file, or a block of one, that was skipped."""

    file: str
    reason: str
    detail: str
