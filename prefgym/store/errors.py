"""What the store refuses, and what keeps it from working."""

from prefgym.common.errors import UserError


class StoreRefusal(UserError):  # noqa: N818  # an answer, not a fault
    """The store refuses a request, and nothing changed."""

    def __init__(self, code: str, sentence: str) -> None:
        """Keep the code, for programs, and the sentence, for people."""
        super().__init__(sentence)
        self.code = code


class StoreUnavailable(UserError):  # noqa: N818  # a state, not a fault
    """The database cannot be reached, read or written; what was recorded before is safe."""
