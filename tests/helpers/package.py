"""Which package is under test, and how a new process finds it.

As a rule that is `promptjuggler` as it is installed. With
PROMPTJUGGLER_PACKAGE=acme._vendor.promptjuggler it is a copy under that name: every
`import promptjuggler` of the tests then gives the copy, so that all of them run on it
unchanged. A test that starts a process imports NAME there, with ENV as its environment.
"""

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

NAME = os.environ.get("PROMPTJUGGLER_PACKAGE") or "promptjuggler"

# What the machine says about proxies, certificates and accounts must not decide whether
# a test passes.
MACHINE = {
    "PROMPTJUGGLER_API_KEY",
    "PROMPTJUGGLER_BASE_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
}


def is_of_machine(variable: str) -> bool:
    """Whether an environment variable is to be out of sight of the tests."""
    return variable in MACHINE or variable.lower().endswith("_proxy")


class _Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the modules of the package NAME under the name `promptjuggler`: the same
    objects, not second ones.
    """

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "promptjuggler":
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec):
        module = importlib.import_module(NAME + spec.name[len("promptjuggler") :])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has put the spec of the alias in its place.
        module.__spec__ = module.__spec__.loader_state


if NAME != "promptjuggler":
    if importlib.util.find_spec("promptjuggler"):
        raise RuntimeError(
            f"{NAME} is to be tested, but promptjuggler itself can be imported too"
        )
    sys.meta_path.insert(0, _Alias())

_spec = importlib.util.find_spec(NAME)
if _spec is None or _spec.origin is None:
    raise RuntimeError(
        f"{NAME} is not installed: README.md has the line that installs it and runs the tests"
    )

FOLDER = Path(_spec.origin).parent
"""The folder of the package under test."""

_root = FOLDER.parents[NAME.count(".")]

ENV = {name: value for name, value in os.environ.items() if not is_of_machine(name)}
ENV["PYTHONPATH"] = str(_root)


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Everything in the tree of a file of the package, from the module on.

    Several tests look at every file: to read and walk them takes time.
    """
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))
