"""How a command ends when it cannot do what it was asked for."""

EXIT_GOOD = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C


class UsageError(ValueError):
    """The command line cannot be used as it was given; the message says what to change."""


class CommandFailedError(RuntimeError):
    """The command could not do its work; the message is the whole story and no traceback is needed."""
