"""The one error a user can cause."""


class UsageError(Exception):
    """Bad input: one line that says what is wrong, what was expected and what to do. Ends the command with status 2."""
