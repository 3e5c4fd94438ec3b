"""What the commands of the command line do, with the parsed arguments: `args.words` are those without a dash."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import ExitStack

from ._cli import COMMANDS, Stop, say, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from . import PromptJuggler, PromptRun
    from .testing import FakeServer

    _T = TypeVar("_T")

__all__ = ["execute"]


def _print(text: str) -> None:
    write(sys.stdout, f"{text}\n")


def _print_json(value: object, indent: int | None = 2) -> None:
    is_unicode = "utf" in str(sys.stdout.encoding).lower()
    _print(json.dumps(value, indent=indent, ensure_ascii=not is_unicode, default=str))


def _with_progress(args: Namespace, line: Callable[[float], str], call: Callable[[], _T]) -> _T:
    """Call a function that takes its time; meanwhile, in a terminal, a thread draws a line, made from the seconds that
    have passed. In the end it is erased."""
    # Closed: when the program started, or because nobody reads it any more.
    if args.quiet or args.verbose or sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return call()
    import threading
    import time

    over = threading.Event()

    def draw() -> None:
        begun, width, ended = time.monotonic(), 0, False
        while not ended:
            ended = over.wait(0.2 if width else 0)
            # The last column stays free: terminals differ in when they begin a new line after it.
            text = line(time.monotonic() - begun)[: (os.get_terminal_size(2).columns or 80) - 1]
            write(sys.stderr, f"\r{text.ljust(width)}")
            width = len(text)
        write(sys.stderr, f"\r{' ' * width}\r")

    thread = threading.Thread(target=draw, daemon=True)
    try:
        thread.start()
        return call()
    finally:
        over.set()
        if thread.is_alive():  # Ctrl-C can come before it is.
            thread.join()


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise Stop(2, "standard input is closed, or was read already")
    with sys.stdin:  # closed then: a second reader would find nothing, and not know why
        return sys.stdin.buffer.read()


def _text(path: str) -> str:
    """The text of a file, of standard input for `-`. Raises `Stop` and `OSError`."""
    try:
        if path == "-":
            return _standard_input().decode("utf-8-sig")
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise Stop(2, f"{path} is not UTF-8 text") from None


def _pairs(what: str, words: Iterable[str] | None) -> dict[str, Any]:
    """The NAME=VALUEs of arguments. No error shows a value, which can be a secret."""
    result: dict[str, list[str]] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise Stop(2, f"{what} must have the form NAME=VALUE")
        if value.startswith("@"):
            value = value[1:] if value.startswith("@@") else _text(value[1:])
        result.setdefault(name, []).append(value)
        if len(result[name]) > 1 and what != "--metadata":
            raise Stop(2, f"{what} {name} is given twice")
    return {name: values if len(values) > 1 else values[0] for name, values in result.items()}


def _run_arguments(args: Namespace) -> dict[str, Any]:
    """The arguments of run_prompt and run_workflow; None is not sent."""
    try:
        inputs = {} if args.inputs_json is None else json.loads(_text(args.inputs_json))
        inputs |= _pairs("input", args.words[2:])
    except (ValueError, TypeError, RecursionError):
        raise Stop(2, f"{args.inputs_json} must hold a JSON object with strings as values") from None
    names = ("priority", "thread", "environment") + ("channel",) * (args.command == "run-prompt")
    arguments = {name: getattr(args, name) for name in names} | {
        "inputs": inputs,
        "env_vars": _pairs("--env-var", args.env_var) or None,
        "metadata": _pairs("--metadata", args.metadata) or None,
    }
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # bytes of an argument that are no text in the encoding of the locale
        raise Stop(2, "the inputs and options must be valid text") from None
    return {"slug": args.words[0], "version": args.words[1], **arguments}


def execute(args: Namespace) -> None:
    """Carry out `args.command`; what it gives is printed, and all else is raised."""
    if sys.stdout is None:
        raise Stop(2, "standard output is closed: there is no place for the result")
    if args.demo:
        say("no model was called: with --demo, a stand-in on this machine answers")
    with ExitStack() as stack:
        if args.verbose:
            import logging

            logger, handler = logging.getLogger("promptjuggler"), logging.Handler()
            handler.emit = lambda record: write(sys.stderr, f"{record.getMessage()}\n")  # type: ignore[method-assign]
            logger.setLevel(logging.DEBUG)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
        if args.command == "verify-webhook":
            _verify_webhook(args)
        elif args.command == "fake-server":
            _serve(stack.enter_context(_stand_in()))
        else:
            special = {"run-prompt": _run, "run-workflow": _run, "upload-documents": _upload, "stream": _stream}
            special.get(args.command, _call)(args, _client(args, stack))


def _client(args: Namespace, stack: ExitStack) -> PromptJuggler:
    from . import PromptJuggler

    names = ("timeout", "max_retries", "base_url")
    options: Any = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.demo:
        server = stack.enter_context(_stand_in())
        server.run_seconds = 0.0  # nobody wants to wait for a demonstration
        options |= {"api_key": server.api_key, "base_url": server.url, "proxy": False}
    elif args.api_key_file is not None:
        try:
            options["api_key"] = _text(args.api_key_file)
        except (OSError, Stop):
            # The name is not shown: by mistake, it can be the key itself.
            raise Stop(2, "the file of --api-key-file cannot be read") from None
    elif not os.environ.get("PROMPTJUGGLER_API_KEY", "").strip():
        raise Stop(2, "there is no API key: set PROMPTJUGGLER_API_KEY, or use --api-key-file")
    return stack.enter_context(PromptJuggler(**options))


def _stand_in() -> FakeServer:
    from .testing import FakeServer

    server = FakeServer()
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_workflow("summary", lambda inputs: {"summary": inputs["text"].strip().partition(".")[0]})
    server.add_knowledge_base("manuals")
    return server


def _run(args: Namespace, client: PromptJuggler) -> None:
    kind, arguments, shown = args.command[4:], _run_arguments(args), ""
    if args.output == "":
        raise Stop(2, "--output must be the name of an output")
    args.sending = True
    run: Any
    if args.stream and not args.json and not args.no_wait:
        run, shown = _streamed(args, client, arguments)
    else:
        created = getattr(client, f"run_{kind}")(**arguments)
        args.run = created.id
        if args.no_wait:
            _print_json(created.to_dict()) if args.json else _print(f"{created.id}\n{created.thread}")
            return
        line, wait = f"pending for {{:.0f}} s: run {created.id}", getattr(client, f"wait_for_{kind}_run")
        run = _with_progress(args, line.format, lambda: wait(created.id, timeout=args.wait_timeout or 300.0))
    if args.json:
        _print_json(run.to_dict())
    elif run.status == "completed":
        if kind == "workflow" and args.output is None:
            _print_json(run.outputs)
        elif kind == "workflow" and args.output not in run.outputs:
            raise Stop(2, f"there is no output {args.output}; there is {', '.join(run.outputs) or 'none'}")
        else:
            text = (run.output if kind == "prompt" else run.outputs[args.output]) or ""
            if not shown or text != shown:
                _print(text)
    _check_end(args, run)


def _check_end(args: Namespace, run: Any) -> None:
    args.run, args.sending = "", False
    if run.status not in ("completed", "pending"):  # a newer API can have more of them
        errors = run.errors if hasattr(run, "errors") else [run.error]
        raise Stop(3, f"run {run.id} ended as {run.status}: {'; '.join(filter(None, errors)) or 'no reason is given'}")


def _streamed(args: Namespace, client: PromptJuggler, arguments: dict[str, Any]) -> tuple[PromptRun, str]:
    """Run a prompt; in a terminal, show its tokens. Gives the run, and the text that stands there in the end."""
    from . import ResetEvent, StaleEvent, TokenEvent

    shown = ""
    with client.stream_prompt(timeout=args.wait_timeout or 300.0, **arguments) as stream:
        args.run = stream.run_id
        try:
            for event in stream:
                if not sys.stdout.isatty():
                    continue
                if isinstance(event, TokenEvent):
                    shown += event.text
                    write(sys.stdout, event.text)
                elif isinstance(event, (ResetEvent, StaleEvent)) and shown != stream.view.text:
                    shown = stream.view.text
                    write(sys.stdout, f"\n{shown}")
        finally:
            if shown:
                _print("")
        return stream.result(), shown


def _stream(args: Namespace, client: PromptJuggler) -> None:
    from dataclasses import asdict

    channels = [] if args.channel is None else [args.channel]
    with client.stream(args.words[0], channels=channels, timeout=args.wait_timeout) as stream:
        if args.demo:
            client.run_prompt("greeting", "production", {"name": "Ada"}, thread=args.words[0])
        for event in stream:
            words = re.findall("[A-Z][a-z]+", type(event).__name__.removesuffix("Event"))
            _print_json({"event": "_".join(words).lower()} | asdict(event), None)


def _upload(args: Namespace, client: PromptJuggler) -> None:
    slug, *paths = args.words
    for path in paths:
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            raise Stop(2, f"{path} is not a regular file")  # opening a named pipe would wait for its other end
    with ExitStack() as stack:
        opened = [stack.enter_context(open(path, "rb", buffering=0)) for path in paths]
        # What is not UTF-8 in a name on the disk cannot be sent; Python shows it as surrogates.
        names = [os.path.basename(os.fsencode(path)).decode("utf-8", "replace") for path in paths]
        total = sum(os.fstat(file.fileno()).st_size for file in opened)

        def line(passed: float) -> str:
            done = sum(file.tell() for file in opened)
            bar = "#" * (20 * done // max(total, 1))
            return f"[{bar:-<20}] {done:,} of {total:,} bytes, {done / max(passed, 0.001):,.0f} a second"

        args.sending = True
        files = [*zip(names, opened, strict=True)]
        documents = _with_progress(args, line, lambda: client.upload_documents(slug, files))
    _print_json([document.to_dict() for document in documents])


def _call(args: Namespace, client: PromptJuggler) -> None:
    """Print what the method of the same name gives."""
    kind, given = args.command.partition("-")[2], args.words
    if args.demo and COMMANDS[args.command][0] == "ID":
        make: dict[str, Callable[[], Any]] = {
            "prompt-run": lambda: client.run_prompt("greeting", 1, {"name": "Ada"}),
            "workflow-run": lambda: client.run_workflow("summary", 1, {"text": "A page."}),
            "knowledge-document": lambda: client.upload_documents("manuals", [("a.txt", b"A page.")])[0],
        }
        given = [make[kind]().id]
        say(f"the stand-in is new each time: {given[0]} takes the place of {args.words[0]}")
    result = getattr(client, args.command.replace("-", "_"))(*given)
    if result is not None:
        _print_json(result.to_dict())
    if kind.endswith("-run"):
        _check_end(args, result)


def _verify_webhook(args: Namespace) -> None:
    from . import verify_webhook_signature

    secret, signature = os.environ.get("PROMPTJUGGLER_WEBHOOK_SECRET"), args.signature
    if args.demo and not signature:
        from .testing import sign_webhook

        say("without --signature, a body that the stand-in has signed is verified")
        payload, secret = b"{}", "demo"
        signature = sign_webhook(payload, secret)
    elif not secret or not signature:
        raise Stop(2, "PROMPTJUGGLER_WEBHOOK_SECRET and --signature are needed")
    else:
        payload = _standard_input()
    valid = verify_webhook_signature(payload, signature, secret)
    _print("valid" if valid else "invalid")
    if not valid:
        raise Stop(1, "")


def _serve(server: FakeServer) -> None:
    import time

    _print(f"export PROMPTJUGGLER_BASE_URL={server.url}\nexport PROMPTJUGGLER_API_KEY={server.api_key}")
    say("serving the prompt greeting, the workflow summary and the knowledge base manuals, with no model behind")
    while True:
        time.sleep(3600)
