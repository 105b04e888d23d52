"""The exception for mistakes that the user can correct; entry points print it in one line."""


class UserError(Exception):
    """A fault of input, configuration or machine.

    The message says in one line what is wrong, which value, and what to do next. Entry points
    print it without a traceback and exit with status 2.
    """
