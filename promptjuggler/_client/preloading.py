"""What `PromptJuggler.preload` does: all that a first call would otherwise do late."""

from __future__ import annotations

from importlib import import_module

from .. import models
from .._http.transport import Transport

# What is imported inside functions: of ours, and of the standard library.
_MODULES = (
    ".._http.codings",
    ".._http.multipart",
    "..streaming.run_stream",
    "..streaming.thread_stream",
)
_OF_STANDARD_LIBRARY = ("encodings.idna", "mimetypes", "threading", "uuid")

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


def preload(transport: Transport) -> None:
    """Load all modules, make all decoders, and the TLS context if it is needed."""
    from .._decode import decoder_of

    for name in _OF_STANDARD_LIBRARY:
        import_module(name)
    for name in _MODULES:
        import_module(name, __package__)
    for name in _ANSWERS:
        decoder_of(getattr(models, name))
    decoder_of(tuple[models.KnowledgeDocumentResponse, ...])
    for name in _BODIES:
        getattr(models, name)({}).to_dict()
    transport.preload()
