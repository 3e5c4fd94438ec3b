"""The modules whose names stand in signatures.

`typing.get_type_hints` looks the names up when it is called, so they must be there when
the program runs; but to import them all would take 8 ms of the start of each program. So
they are loaded when one of their names is used. Type checkers see plain imports instead.
"""

from __future__ import annotations


class _Later:
    """Stands in for a module until one of its names is used."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        from importlib import import_module

        return getattr(import_module(self._name, __package__), attribute)


batch = _Later(".batch")
email_message = _Later("email.message")
models = _Later(".models")
ssl = _Later("ssl")
typing = _Later("typing")
urllib_request = _Later("urllib.request")
uuid = _Later("uuid")
waits = _Later(".waits")
