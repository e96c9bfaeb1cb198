"""A text file as its lines, and the numbers in them, in the styles of sixty years of programs."""

import math
import pathlib
import re
from typing import NamedTuple

from sgan_jax.measured.pattern import PatternError

MAX_BYTES = 100_000_000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,3})?|[+-]?(?:nan|inf(?:inity)?)")
_COMMENT_STARTS = ("#", "!", ";", "'", '"', "%", "//", "/*", "*")


class TextFile(NamedTuple):
    """A file's name and its lines."""

    name: str
    lines: list[str]

    def error(self, index: int | None, detail: str) -> PatternError:
        """Return the error of a line, given by its index from 0, or of the whole file (None)."""
        return PatternError(self.name, None if index is None else index + 1, detail)

    def line(self, index: int, expected: str) -> str:
        """Return a line; raise PatternError if the file ends before it."""
        if index >= len(self.lines):
            raise self.error(len(self.lines) - 1, f"the file ends here; {expected} must follow")
        return self.lines[index]

    def numbers(self, index: int, count: int, expected: str) -> list[float]:
        """Return the first `count` numbers of a line; raise PatternError if there are fewer."""
        found = leading_numbers(self.line(index, expected))
        if len(found) < count:
            raise self.error(index, f"{self.lines[index][:60]!r} is not {expected}")
        return found[:count]


def read_bytes(path: pathlib.Path) -> bytes:
    """Return a file's bytes; raise OSError if unreadable, PatternError if empty or too large."""
    size = path.stat().st_size
    if size == 0:
        raise PatternError(str(path), None, "the file is empty")
    if size > MAX_BYTES:
        raise PatternError(
            str(path),
            None,
            f"{size / 1e6:.0f} MB is too large; files of up to {MAX_BYTES / 1e6:.0f} MB are read",
        )
    return path.read_bytes()


def decode(name: str, content: bytes) -> TextFile:
    """Return the lines of a text file; raise PatternError if the bytes are not text.

    A few control characters are accepted: old programs left them in titles.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        start = content[:8192]
        control = sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in start)
        if control > 0.02 * len(start) + 4:
            raise PatternError(name, None, "this is a binary file of an unknown format")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    # Not str.splitlines, which also splits at characters that occur in old titles.
    return TextFile(name, re.split(r"\r\n|\n|\r", text.rstrip("\x1a\r\n\t ")))


def is_comment(line: str) -> bool:
    """Return whether a line is empty or starts with a comment sign."""
    stripped = line.lstrip()
    return not stripped or stripped.startswith(_COMMENT_STARTS)


def to_number(token: str) -> float | None:
    """Return the number that a token spells, also with Fortran's exponents, or None."""
    if token.replace(".", "", 1).isdecimal() and token.isascii():  # the usual case, made fast
        return float(token)
    if not _NUMBER.fullmatch(token.lower()):
        return None
    value = float(token.lower().replace("d", "e"))
    return value if math.isfinite(value) or token.lower().lstrip("+-")[0] in "ni" else None


def leading_numbers(line: str) -> list[float]:
    """Return the numbers before the first word of a line."""
    found = []
    for token in line.replace(",", " ").split():
        value = to_number(token)
        if value is None:
            break
        found.append(value)
    return found


def all_numbers(line: str) -> list[float] | None:
    """Return the numbers of a line, or None if it contains anything else."""
    tokens = line.replace(",", " ").split()
    found = leading_numbers(line)
    return found if len(found) == len(tokens) else None


def cells(line: str, width: int) -> list[str]:
    """Cut a line into cells of `width` characters, as Fortran does, without trailing blanks."""
    line = line.rstrip().expandtabs(8)
    return [line[start : start + width] for start in range(0, len(line), width)]
