"""The open enums of the results.

Each is a string: `run.status == "completed"` works as well as `run.status ==
RunStatus.COMPLETED`. A value that the API adds later becomes a member too,
instead of an error; so a comparison, or a `match`, needs a branch for the
rest.
"""

from .._enums import OpenEnum

__all__ = [
    "KnowledgeBaseStatus",
    "KnowledgeDocumentStatus",
    "Memory",
    "Provider",
    "Role",
    "RunStatus",
    "ServiceTier",
    "ToolStatus",
]


class RunStatus(OpenEnum):
    """How far a run is. It changes no more once it is not pending."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class ToolStatus(OpenEnum):
    """How the call of a tool ended, or that it has not."""

    OK = "ok"
    ERROR = "error"
    PENDING = "pending"


class ServiceTier(OpenEnum):
    """The service tier of a provider."""

    AUTO = "auto"
    DEFAULT = "default"
    FLEX = "flex"
    PRIORITY = "priority"


class KnowledgeBaseStatus(OpenEnum):
    """Whether a knowledge base can be searched."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class KnowledgeDocumentStatus(OpenEnum):
    """How far a document is; pending and sealed are under way."""

    PENDING = "pending"
    SEALED = "sealed"
    READY = "ready"
    FAILED = "failed"


class Memory(OpenEnum):
    """Whether a prompt reads the messages of its thread, and adds to them."""

    STATELESS = "stateless"
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
    WRITE_ONLY = "write_only"


class Provider(OpenEnum):
    """The provider of a model."""

    OPENAI = "openai"
    GEMINI = "gemini"
    ANTHROPIC = "anthropic"


class Role(OpenEnum):
    """Whose message it is."""

    ASSISTANT = "assistant"
    USER = "user"
