"""The results of the API: frozen dataclasses, one module for each kind.

    from promptjuggler import PromptJuggler, TranscriptText, TranscriptTool

    with PromptJuggler() as pj:
        started = pj.run_prompt("greeting", "production", {"name": "Ada"})
        run = pj.wait_for_prompt_run(started.id)

    for item in run.transcript:
        match item:
            case TranscriptText(content=content):
                print(content)
            case TranscriptTool(name=name, status=status):
                print(f"used {name}: {status}")

Fields are in snake_case, arrays are tuples, ids are `UUID`s, times are `datetime`s with a
time zone. Each class reads and writes JSON, with the API's own names: `from_dict`,
`from_json`, `to_dict` and `to_json`; what was read is written as it was. Built by keyword,
it takes the text of an id, of an enum or of a time, a list for a tuple, and a dict for an
object; what does not fit is a `ValidationError` that names the field.

What is newer than this package never breaks a program:

- keys that are not known are left out;
- enums are strings, as `run.status == "completed"`, and a value that is not known is one;
- a union, as the items of a transcript or the tools of a prompt, is one of its classes
  itself, without a wrapper. Both `isinstance(tool, HttpCall)` and `tool.type == "http"`
  narrow its type for checkers. One that is not known is an `UnknownTranscriptItem`,
  `UnknownTool` or `UnknownResponseFormat`, with the whole object in `data`. Its `type` is
  the constant `unknown` to checkers; the API's own text is `item.data["type"]`.

Every name can be had from here (`models.PromptRun`), and from the package
itself. Its module is loaded when the name is first used: each class takes a
third of a millisecond to define, so that a call loads only the classes that it
needs.
"""

# True for type checkers only; see _secrets.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .enums import (
        KnowledgeBaseStatus as KnowledgeBaseStatus,
        KnowledgeDocumentStatus as KnowledgeDocumentStatus,
        Memory as Memory,
        Provider as Provider,
        Role as Role,
        RunStatus as RunStatus,
        ServiceTier as ServiceTier,
        ToolStatus as ToolStatus,
    )
    from .errors import ErrorResponse as ErrorResponse
    from .knowledge import (
        KnowledgeBaseResponse as KnowledgeBaseResponse,
        KnowledgeDocumentResponse as KnowledgeDocumentResponse,
        KnowledgeDocumentSummary as KnowledgeDocumentSummary,
    )
    from .metadata import MetadataValue as MetadataValue
    from .prompt_runs import EmittedItem as EmittedItem, PromptRun as PromptRun
    from .prompts import (
        ContentMessageResponse as ContentMessageResponse,
        JsonObjectFormat as JsonObjectFormat,
        JsonSchemaFormat as JsonSchemaFormat,
        ModelParams as ModelParams,
        PromptRevision as PromptRevision,
        ResponseFormat as ResponseFormat,
        TextFormat as TextFormat,
        UnknownResponseFormat as UnknownResponseFormat,
    )
    from .run_prompt import (
        CreatePromptRun as CreatePromptRun,
        CreatePromptRunResponse as CreatePromptRunResponse,
    )
    from .run_workflow import (
        CreateWorkflowRun as CreateWorkflowRun,
        CreateWorkflowRunResponse as CreateWorkflowRunResponse,
    )
    from .streaming import StreamTokenResponse as StreamTokenResponse
    from .tools import (
        Emit as Emit,
        HttpCall as HttpCall,
        HttpHeader as HttpHeader,
        IdOrTag as IdOrTag,
        KnowledgeSearch as KnowledgeSearch,
        Mcp as Mcp,
        PromptCall as PromptCall,
        ScriptCall as ScriptCall,
        Tool as Tool,
        UnknownTool as UnknownTool,
        VersionRef as VersionRef,
        WebSearch as WebSearch,
        WorkflowCall as WorkflowCall,
    )
    from .transcripts import (
        Citation as Citation,
        TranscriptData as TranscriptData,
        TranscriptItem as TranscriptItem,
        TranscriptText as TranscriptText,
        TranscriptTool as TranscriptTool,
        UnknownTranscriptItem as UnknownTranscriptItem,
    )
    from .uploads import UploadFile as UploadFile
    from .usage import (
        ModelCost as ModelCost,
        RunCost as RunCost,
        TokenUsage as TokenUsage,
    )
    from .webhooks import (
        KnowledgeBaseFinished as KnowledgeBaseFinished,
        KnowledgeDocumentFinished as KnowledgeDocumentFinished,
        PromptRunFinished as PromptRunFinished,
        WorkflowRunFinished as WorkflowRunFinished,
    )
    from .workflow_runs import WorkflowRun as WorkflowRun

# The module of each name. A test holds it against the imports above.
_HOME_OF = {
    "Citation": "transcripts",
    "ContentMessageResponse": "prompts",
    "CreatePromptRun": "run_prompt",
    "CreatePromptRunResponse": "run_prompt",
    "CreateWorkflowRun": "run_workflow",
    "CreateWorkflowRunResponse": "run_workflow",
    "Emit": "tools",
    "EmittedItem": "prompt_runs",
    "ErrorResponse": "errors",
    "HttpCall": "tools",
    "HttpHeader": "tools",
    "IdOrTag": "tools",
    "JsonObjectFormat": "prompts",
    "JsonSchemaFormat": "prompts",
    "KnowledgeBaseFinished": "webhooks",
    "KnowledgeBaseResponse": "knowledge",
    "KnowledgeBaseStatus": "enums",
    "KnowledgeDocumentFinished": "webhooks",
    "KnowledgeDocumentResponse": "knowledge",
    "KnowledgeDocumentStatus": "enums",
    "KnowledgeDocumentSummary": "knowledge",
    "KnowledgeSearch": "tools",
    "Mcp": "tools",
    "Memory": "enums",
    "MetadataValue": "metadata",
    "ModelCost": "usage",
    "ModelParams": "prompts",
    "PromptCall": "tools",
    "PromptRevision": "prompts",
    "PromptRun": "prompt_runs",
    "PromptRunFinished": "webhooks",
    "Provider": "enums",
    "ResponseFormat": "prompts",
    "Role": "enums",
    "RunCost": "usage",
    "RunStatus": "enums",
    "ScriptCall": "tools",
    "ServiceTier": "enums",
    "StreamTokenResponse": "streaming",
    "TextFormat": "prompts",
    "TokenUsage": "usage",
    "Tool": "tools",
    "ToolStatus": "enums",
    "TranscriptData": "transcripts",
    "TranscriptItem": "transcripts",
    "TranscriptText": "transcripts",
    "TranscriptTool": "transcripts",
    "UnknownResponseFormat": "prompts",
    "UnknownTool": "tools",
    "UnknownTranscriptItem": "transcripts",
    "UploadFile": "uploads",
    "VersionRef": "tools",
    "WebSearch": "tools",
    "WorkflowCall": "tools",
    "WorkflowRun": "workflow_runs",
    "WorkflowRunFinished": "webhooks",
}

# Type checkers have the imports above; for them, __getattr__ would give any
# name.
if not TYPE_CHECKING:
    __all__ = sorted(_HOME_OF)

    def __getattr__(name):
        """Load a name when it is first used (PEP 562); then it is an attribute."""
        import importlib

        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f".{_HOME_OF[name]}", __name__)
        value = getattr(home, name)
        globals()[name] = value
        return value

    def __dir__():
        """What is here, and what can be loaded."""
        return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
