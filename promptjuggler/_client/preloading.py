"""What `PromptJuggler.preload` does: all that a first call would otherwise do late."""

from __future__ import annotations

from .. import models
from .._http.transport import Transport
from .._loading import load

# What is imported inside functions, as they ask `load` for it: of ours, and of the standard
# library. To import one again there takes no lock, which a fork could copy while it is
# held.
_LOADED_LATE = (
    "._batch.clock:StoppableClock",
    "._client.batches:about_call",
    "._decode:decoded_text",
    "._http.codings:unpacked",
    "._http.connection:Connection",
    "._http.multipart:Multipart",
    ".batch:Batch",
    ".streaming:RunStream",
    ".streaming:ThreadStream",
    ".streaming._attempts:Limits",
    "copy:copy",
    "encodings.idna:getregentry",
    "encodings.utf_8_sig:getregentry",
    "ipaddress:ip_address",
    "mimetypes",
    "threading",
    "uuid:UUID",
    "uuid:uuid4",
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


def preload(transport: Transport) -> None:
    """Load all modules, make all decoders, and the TLS context if it is needed."""
    load(*_LOADED_LATE)
    # To load their modules would not do: on Python 3.10, to ask a package for a name that
    # is no attribute of it yet takes the lock of the module, though that is loaded.
    load(*(f".models:{name}" for name in vars(models)["__all__"]))
    _make_decoders()
    # It reads the files of the system that have the types.
    import mimetypes

    mimetypes.guess_type("file.txt")
    transport.preload()


def _make_decoders() -> None:
    from .._decode import decoder_of

    for name in _ANSWERS:
        decoder_of(getattr(models, name))
    decoder_of(tuple[models.KnowledgeDocumentResponse, ...])
    # What builds a body, and what turns it to a document, is made with the first one.
    for name in _BODIES:
        getattr(models, name)({}).to_dict()
