"""Faults that the user can mend: a message in, one line on the screen out."""


class UserError(Exception):
    """A fault of input, configuration or machine.

    The message says in one line what is wrong, which value, and what to do next. Entry points
    print it without a traceback and exit with status 2.
    """
