"""Errors that reach the user as one sentence."""


class UserError(ValueError):
    """An error that the user can mend; the command line prints its sentence, without a traceback."""


class DamageError(UserError):
    """A file is missing, or its content differs from the content written."""


class UnknownNameError(ValueError):
    """A name that is not registered, or a setting that a part does not have."""
