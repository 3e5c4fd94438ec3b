"""The modules of the standard library whose names stand in signatures.

`typing.get_type_hints` looks the names up when it is called, so they must be there when
the program runs; but to import all four would take 8 ms of the start of each program. So
they are loaded when one of their names is used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl as ssl
    import typing as typing
    import urllib.request as urllib_request
    import uuid as uuid
else:
    from importlib import import_module

    class _Later:
        """Stands in for a module until one of its names is used."""

        def __init__(self, name):
            self._name = name

        def __getattr__(self, attribute):
            return getattr(import_module(self._name), attribute)

    ssl = _Later("ssl")
    typing = _Later("typing")
    urllib_request = _Later("urllib.request")
    uuid = _Later("uuid")
