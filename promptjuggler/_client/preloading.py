"""What `PromptJuggler.preload` does: all that a first call would otherwise do late."""

from __future__ import annotations

from importlib import import_module

from .. import models, streaming
from .._http.transport import Transport

# What is imported inside functions: of ours, and of the standard library. To import one
# again there takes no lock, which a fork could copy while it is held.
_MODULES = (
    ".._decode",
    ".._http.codings",
    ".._http.connection",
    ".._http.multipart",
    "..batch",
    ".batches",
)
_OF_STANDARD_LIBRARY = (
    "copy",
    "encodings.idna",
    "encodings.utf_8_sig",
    "ipaddress",
    "mimetypes",
    "threading",
    "uuid",
)

# What the operations give, of which all other results are parts.
_ANSWERS = (
    "CreatePromptRunResponse",
    "CreateWorkflowRunResponse",
    "KnowledgeBaseResponse",
    "KnowledgeDocumentResponse",
    "PromptRevision",
    "PromptRun",
    "StreamTokenResponse",
    "WorkflowRun",
)
_BODIES = ("CreatePromptRun", "CreateWorkflowRun")
_STREAMS = ("RunStream", "ThreadStream")


def preload(transport: Transport) -> None:
    """Load all modules, make all decoders, and the TLS context if it is needed."""
    for name in _OF_STANDARD_LIBRARY:
        import_module(name)
    for name in _MODULES:
        import_module(name, __package__)
    # To load their modules would not do: on Python 3.10, to ask a package for a name that
    # is no attribute of it yet takes the lock of the module, though that is loaded.
    for name in vars(models)["__all__"]:
        getattr(models, name)
    for name in _STREAMS:
        getattr(streaming, name)
    _make_decoders()
    # It reads the files of the system that have the types.
    import_module("mimetypes").guess_type("file.txt")
    transport.preload()


def _make_decoders() -> None:
    from .._decode import decoder_of

    for name in _ANSWERS:
        decoder_of(getattr(models, name))
    decoder_of(tuple[models.KnowledgeDocumentResponse, ...])
    for name in _BODIES:
        getattr(models, name)({}).to_dict()
