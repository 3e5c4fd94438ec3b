"""What a Python that is too old is told. The package loads this in no other.

Like __init__.py, it is read by such a Python: so there is nothing in it that
Python 2.7 would not understand.
"""

import sys

__all__ = ["refuse"]


def refuse(oldest):
    # type: (tuple[int, int]) -> None
    """Raise ImportError, or say the same in one line and end `python -m
    promptjuggler`.

    oldest  the oldest version that can use the package
    """
    text = "promptjuggler needs Python %d.%d or newer, this is %d.%d" % (
        oldest + sys.version_info[:2]
    )
    # Who imports the package: the first frame outside it and outside the
    # import system.
    importer = sys._getframe(1).f_back
    while importer and "importlib" in importer.f_code.co_filename:
        importer = importer.f_back
    # The module behind `python -m`. A traceback of it would hide the line.
    if importer and importer.f_globals.get("__name__") == "runpy":
        sys.stderr.write(text + "\n")
        raise SystemExit(2)
    raise ImportError(text)
