"""The outcome for one pattern of one file: an answer, or the reason why there is none."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what reads files takes seconds to load; errors in the flags are reported before
    from sgan_jax.answers.answer import Answer


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """An answer, or the reason why there is none.

    Attributes:
        file: path of the pattern's file, as given.
        bank: which of the file's patterns; '' if it holds only one.
        answer: None if the file could not be used.
        problem: why there is no answer; None if there is one.
        picture: SVG of the pattern; None if none was drawn.
    """

    file: str
    bank: str = ""
    answer: "Answer | None" = None
    problem: str | None = None
    picture: str | None = None

    @property
    def name(self) -> str:
        """The file, and which of its patterns if it holds several."""
        return f"{self.file} ({self.bank})" if self.bank else self.file

    @property
    def refused(self) -> bool:
        """Whether there is no usable prediction, because of the file or because of the pattern."""
        return self.answer is None or self.answer.refused

    @property
    def reason(self) -> str | None:
        """Why it is refused; None if it is not."""
        return self.problem if self.answer is None else self.answer.reason
