"""What went wrong, in the user's words."""


class UserError(ValueError):
    """Something that the user can mend; told in one sentence, without a traceback."""


class DamageError(UserError):
    """A file is missing, or is not what was written."""


class UnknownNameError(ValueError):
    """A name that is not registered, or a setting that a part does not have."""
