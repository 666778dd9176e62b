"""Errors that reach the user as one sentence."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefgym.common.finite import Values


class UserError(ValueError):
    """An error that the user can mend; the command line prints its sentence, without a traceback."""


class DamageError(UserError):
    """A file is missing, or its content differs from the content written."""


class UnknownNameError(ValueError):
    """A name that is not registered, or a setting that a part does not have."""


class NotFiniteError(ValueError):
    """A part returned a NaN or an infinity."""

    def __init__(self, part: str, arrays: "dict[str, Values]") -> None:
        """Name the part, and keep its arrays for diagnosis.

        Args:
            part: The part or quantity that is not finite, as the subject of a sentence.
            arrays: Its outputs and inputs, by name.
        """
        super().__init__(f"{part} is not finite")
        self.part, self.arrays = part, arrays
