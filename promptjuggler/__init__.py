"""The PromptJuggler API in Python, with nothing but the standard library.

    from promptjuggler import PromptJuggler

    with PromptJuggler() as pj:  # the key is in PROMPTJUGGLER_API_KEY
        started = pj.run_prompt("greeting", "production", {"name": "Ada"})
        run = pj.wait_for_prompt_run(started.id)
        print(run.output)

Every public name can be imported from here. Its module is loaded when it is
first used:

batch      many runs from many inputs, and how they go on after a crash
client     `PromptJuggler`, with one method for each operation
errors     what a public call can raise, but for `WaitTimeout`, which is in `waits`
models     what the operations give
streaming  the events of a thread while they happen
webhook    `verify_webhook_signature`
testing    a server to test against, without a network
moving     what to change in a program that used the pydantic-based 1.7
"""

# An old Python reads this file and _old_python.py, to say that it is too old.
# So there is no syntax in them that it does not know, and nothing before that
# is imported.
import sys

if sys.version_info < (3, 10):
    from ._old_python import refuse

    refuse((3, 10))

del sys

__version__ = "1.0.0"

# True for type checkers only; see _secrets.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import (
        batch as batch,
        client as client,
        errors as errors,
        models as models,
        moving as moving,
        streaming as streaming,
        testing as testing,
        waits as waits,
        webhook as webhook,
    )
    from .batch import (
        Batch as Batch,
        BatchCounts as BatchCounts,
        BatchResult as BatchResult,
    )
    from .client import PromptJuggler as PromptJuggler
    from .errors import (
        ApiError as ApiError,
        DecodeError as DecodeError,
        NetworkError as NetworkError,
        PromptJugglerError as PromptJugglerError,
        RequestTimeout as RequestTimeout,
        ValidationError as ValidationError,
    )
    from .models import (
        Citation as Citation,
        ContentMessageResponse as ContentMessageResponse,
        CreatePromptRun as CreatePromptRun,
        CreatePromptRunResponse as CreatePromptRunResponse,
        CreateWorkflowRun as CreateWorkflowRun,
        CreateWorkflowRunResponse as CreateWorkflowRunResponse,
        Emit as Emit,
        EmittedItem as EmittedItem,
        ErrorResponse as ErrorResponse,
        HttpCall as HttpCall,
        HttpHeader as HttpHeader,
        IdOrTag as IdOrTag,
        JsonObjectFormat as JsonObjectFormat,
        JsonSchemaFormat as JsonSchemaFormat,
        KnowledgeBaseFinished as KnowledgeBaseFinished,
        KnowledgeBaseResponse as KnowledgeBaseResponse,
        KnowledgeBaseStatus as KnowledgeBaseStatus,
        KnowledgeDocumentFinished as KnowledgeDocumentFinished,
        KnowledgeDocumentResponse as KnowledgeDocumentResponse,
        KnowledgeDocumentStatus as KnowledgeDocumentStatus,
        KnowledgeDocumentSummary as KnowledgeDocumentSummary,
        KnowledgeSearch as KnowledgeSearch,
        Mcp as Mcp,
        Memory as Memory,
        MetadataValue as MetadataValue,
        ModelCost as ModelCost,
        ModelParams as ModelParams,
        PromptCall as PromptCall,
        PromptRevision as PromptRevision,
        PromptRun as PromptRun,
        PromptRunFinished as PromptRunFinished,
        Provider as Provider,
        ResponseFormat as ResponseFormat,
        Role as Role,
        RunCost as RunCost,
        RunStatus as RunStatus,
        ScriptCall as ScriptCall,
        ServiceTier as ServiceTier,
        StreamTokenResponse as StreamTokenResponse,
        TextFormat as TextFormat,
        TokenUsage as TokenUsage,
        Tool as Tool,
        ToolStatus as ToolStatus,
        TranscriptData as TranscriptData,
        TranscriptItem as TranscriptItem,
        TranscriptText as TranscriptText,
        TranscriptTool as TranscriptTool,
        UnknownResponseFormat as UnknownResponseFormat,
        UnknownTool as UnknownTool,
        UnknownTranscriptItem as UnknownTranscriptItem,
        UploadFile as UploadFile,
        VersionRef as VersionRef,
        WebSearch as WebSearch,
        WorkflowCall as WorkflowCall,
        WorkflowRun as WorkflowRun,
        WorkflowRunFinished as WorkflowRunFinished,
    )
    from .streaming.events import (
        ConnectedEvent as ConnectedEvent,
        DataEvent as DataEvent,
        DisconnectedEvent as DisconnectedEvent,
        DoneEvent as DoneEvent,
        FailureEvent as FailureEvent,
        GapEvent as GapEvent,
        ResetEvent as ResetEvent,
        RunView as RunView,
        StaleEvent as StaleEvent,
        StreamEvent as StreamEvent,
        TokenEvent as TokenEvent,
        ToolEndEvent as ToolEndEvent,
        ToolStartEvent as ToolStartEvent,
    )
    from .streaming.run_stream import RunStream as RunStream
    from .streaming.thread_stream import ThreadStream as ThreadStream
    from .waits import WaitTimeout as WaitTimeout
    from .webhook import verify_webhook_signature as verify_webhook_signature

_SUBMODULES = (
    "batch",
    "client",
    "errors",
    "models",
    "moving",
    "streaming",
    "testing",
    "waits",
    "webhook",
)

# The module that gives each name. A test holds it against the imports above.
_HOME_OF = {
    "ApiError": "errors",
    "Batch": "batch",
    "BatchCounts": "batch",
    "BatchResult": "batch",
    "Citation": "models",
    "ConnectedEvent": "streaming.events",
    "ContentMessageResponse": "models",
    "CreatePromptRun": "models",
    "CreatePromptRunResponse": "models",
    "CreateWorkflowRun": "models",
    "CreateWorkflowRunResponse": "models",
    "DataEvent": "streaming.events",
    "DecodeError": "errors",
    "DisconnectedEvent": "streaming.events",
    "DoneEvent": "streaming.events",
    "Emit": "models",
    "EmittedItem": "models",
    "ErrorResponse": "models",
    "FailureEvent": "streaming.events",
    "GapEvent": "streaming.events",
    "HttpCall": "models",
    "HttpHeader": "models",
    "IdOrTag": "models",
    "JsonObjectFormat": "models",
    "JsonSchemaFormat": "models",
    "KnowledgeBaseFinished": "models",
    "KnowledgeBaseResponse": "models",
    "KnowledgeBaseStatus": "models",
    "KnowledgeDocumentFinished": "models",
    "KnowledgeDocumentResponse": "models",
    "KnowledgeDocumentStatus": "models",
    "KnowledgeDocumentSummary": "models",
    "KnowledgeSearch": "models",
    "Mcp": "models",
    "Memory": "models",
    "MetadataValue": "models",
    "ModelCost": "models",
    "ModelParams": "models",
    "NetworkError": "errors",
    "PromptCall": "models",
    "PromptJuggler": "client",
    "PromptJugglerError": "errors",
    "PromptRevision": "models",
    "PromptRun": "models",
    "PromptRunFinished": "models",
    "Provider": "models",
    "RequestTimeout": "errors",
    "ResetEvent": "streaming.events",
    "ResponseFormat": "models",
    "Role": "models",
    "RunCost": "models",
    "RunStatus": "models",
    "RunStream": "streaming.run_stream",
    "RunView": "streaming.events",
    "ScriptCall": "models",
    "ServiceTier": "models",
    "StaleEvent": "streaming.events",
    "StreamEvent": "streaming.events",
    "StreamTokenResponse": "models",
    "TextFormat": "models",
    "ThreadStream": "streaming.thread_stream",
    "TokenEvent": "streaming.events",
    "TokenUsage": "models",
    "Tool": "models",
    "ToolEndEvent": "streaming.events",
    "ToolStartEvent": "streaming.events",
    "ToolStatus": "models",
    "TranscriptData": "models",
    "TranscriptItem": "models",
    "TranscriptText": "models",
    "TranscriptTool": "models",
    "UnknownResponseFormat": "models",
    "UnknownTool": "models",
    "UnknownTranscriptItem": "models",
    "UploadFile": "models",
    "ValidationError": "errors",
    "VersionRef": "models",
    "WaitTimeout": "waits",
    "WebSearch": "models",
    "WorkflowCall": "models",
    "WorkflowRun": "models",
    "WorkflowRunFinished": "models",
    "verify_webhook_signature": "webhook",
}

# Type checkers have the imports above; for them, __getattr__ would give any
# name.
if not TYPE_CHECKING:
    __all__ = sorted(_HOME_OF)

    def __getattr__(name):
        """Load a name or submodule when it is first used (PEP 562).

        From then on it is an ordinary attribute.
        """
        import importlib

        if name in _HOME_OF:
            home = importlib.import_module("." + _HOME_OF[name], __name__)
            value = getattr(home, name)
        elif name in _SUBMODULES:
            value = importlib.import_module("." + name, __name__)
        else:
            raise AttributeError("module %r has no attribute %r" % (__name__, name))
        globals()[name] = value
        return value

    def __dir__():
        """What is here, and what can be loaded."""
        names = set(globals()).union(__all__, _SUBMODULES)
        return sorted(names - {"TYPE_CHECKING"})
