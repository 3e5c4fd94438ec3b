"""The PromptJuggler API in Python, with nothing but the standard library.

Every public name can be imported from here; its module is loaded when it is first used.
"""

__version__ = "0.1.0"

# True for type checkers; importing typing would cost 5 ms.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import (
        client as client,
        errors as errors,
        models as models,
        testing as testing,
        webhook as webhook,
    )
    from .client import *
    from .errors import *
    from .models.knowledge import *
    from .models.prompts import *
    from .models.runs import *
    from .models.streaming import *
    from .models.webhooks import *
    from .streaming.events import *
    from .streaming.run_stream import *
    from .streaming.thread_stream import *
    from .webhook import *
else:
    # The public names of each module.
    _NAMES = {
        "streaming.events": """
            ConnectedEvent DataEvent DisconnectedEvent DoneEvent FailureEvent GapEvent ResetEvent RunView StaleEvent
            StreamEvent TokenEvent ToolEndEvent ToolStartEvent
        """,
        "streaming.run_stream": "RunStream",
        "streaming.thread_stream": "ThreadStream",
        "client": "PromptJuggler",
        "errors": "ApiError DecodeError NetworkError PromptJugglerError RequestTimeout ValidationError WaitTimeout",
        "models.knowledge": """
            KnowledgeBaseResponse KnowledgeBaseStatus KnowledgeDocumentResponse KnowledgeDocumentStatus
            KnowledgeDocumentSummary
        """,
        "models.prompts": """
            ContentMessageResponse Emit HttpCall HttpHeader IdOrTag JsonObjectFormat JsonSchemaFormat
            KnowledgeSearch Mcp Memory ModelParams PromptCall PromptRevision Provider ResponseFormat Role
            ScriptCall TextFormat Tool UnknownResponseFormat UnknownTool VersionRef WebSearch WorkflowCall
        """,
        "models.runs": """
            Citation CreatePromptRun CreatePromptRunResponse CreateWorkflowRun CreateWorkflowRunResponse
            EmittedItem ErrorResponse MetadataValue ModelCost PromptRun RunCost RunStatus ServiceTier TokenUsage
            ToolStatus TranscriptData TranscriptItem TranscriptText TranscriptTool UnknownTranscriptItem
            WorkflowRun
        """,
        "models.streaming": "StreamTokenResponse",
        "models.webhooks": "KnowledgeBaseFinished KnowledgeDocumentFinished PromptRunFinished WorkflowRunFinished",
        "webhook": "verify_webhook_signature",
    }
    _HOMES = {
        name: module for module, names in _NAMES.items() for name in names.split()
    }
    __all__ = sorted(_HOMES)
    _SUBMODULES = ["client", "errors", "models", "testing", "webhook"]

    def __getattr__(name):
        """A public name or submodule that is not loaded yet (PEP 562)."""
        # As `from .module import name`, whatever this package is called.
        if name in _HOMES:
            value = getattr(__import__(_HOMES[name], globals(), None, [name], 1), name)
        elif name in _SUBMODULES:
            value = __import__(name, globals(), None, ["__name__"], 1)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        """What is or can be loaded."""
        return sorted({*globals(), *__all__, *_SUBMODULES})
