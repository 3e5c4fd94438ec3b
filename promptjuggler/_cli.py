"""The command line. Help and usage errors load argparse alone."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter

from . import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from typing import Any, NoReturn, TextIO

    from . import PromptJuggler
    from .testing import FakeServer


def _seconds(text: str) -> float:
    try:
        if 0 < float(text) < float("inf"):
            return float(text)
    except ValueError:
        pass
    raise ArgumentTypeError("must be a number of seconds above 0")


_STAND_IN = "it has the prompt greeting (input name), the workflow summary (input text) and the knowledge base manuals"
_COMMON = {
    "--demo": f"use a stand-in on this machine, without a key: {_STAND_IN}",
    "--base-url VALUE": "address of the API (default: PROMPTJUGGLER_BASE_URL)",
    "--api-key-file VALUE": "file with the key (default: PROMPTJUGGLER_API_KEY)",
    "--timeout SECONDS": "to connect, and to be answered (default: 30)",
    "--wait-timeout SECONDS": "for a run (default: 300) or a stream (default: none)",
    "--max-retries NUMBER": "for a request (default: 2)",
    "--json": "print the whole result of a run",
    "--quiet": "show no progress",
    "--verbose": "show each request",
}
_RUN = {
    "--no-wait": "print the ids of run and thread at once",
    "--inputs-json VALUE": "file with a JSON object of more inputs; - is standard input",
    "--priority PRIORITY": "onsite, normal or low",
    "--thread VALUE": "id of the thread to go on with",
    "--environment VALUE": "which webhooks fire, which variables the run sees",
    "--env-var NAME=VALUE": "variable for this run; others cannot see NAME=@FILE",
    "--metadata NAME=VALUE": "to find the run by; the same NAME again makes a list",
}
_OPTIONS = {
    "run-prompt": {
        **_RUN,
        "--channel VALUE": "part of the thread's memory to use",
        "--stream": "show the answer in a terminal while it is written",
    },
    "run-workflow": {**_RUN, "--output VALUE": "the only output to print"},
    "stream": {"--channel VALUE": "the only channel to print"},
    "verify-webhook": {"--signature VALUE": "the header PromptJuggler-Signature"},
}
_COMMANDS = {
    "run-prompt": ("SLUG VERSION [NAME=VALUE ...]", "run a prompt, print the answer", "greeting production name=Ada"),
    "run-workflow": ("SLUG VERSION [NAME=VALUE ...]", "run a workflow, print its outputs", "summary 1 text=@faq.md"),
    "get-prompt": ("SLUG VERSION", "print a prompt", "greeting production"),
    "get-prompt-run": ("ID", "print a run", "$ID"),
    "get-workflow-run": ("ID", "print a run", "$ID"),
    "get-knowledge-base": ("SLUG", "print a knowledge base", "manuals"),
    "upload-documents": ("SLUG FILE [FILE ...]", "upload files to a knowledge base", "manuals faq.md"),
    "get-knowledge-document": ("ID", "print a document", "$ID"),
    "delete-knowledge-document": ("ID", "delete a document", "$ID"),
    "create-stream-token": ("THREAD", "print a token for the stream of a thread", "$ID"),
    "stream": ("THREAD", "print the events of a thread as lines of JSON", "$ID"),
    "verify-webhook": ("", "verify the body on standard input", '--signature "$SIGNATURE" < body.json'),
    "fake-server": ("", "serve a stand-in for the API, print its address and key", ""),
}
_SETTINGS: dict[str, Any] = {
    "NUMBER": {"type": int},
    "SECONDS": {"type": _seconds},
    "NAME=VALUE": {"action": "append"},
}


class _Stop(Exception):
    """Exit code, line for standard error."""


def main(argv: list[str] | None = None) -> int:
    """Carry out the arguments, give the exit code. Errors are lines on standard error."""
    args, code = Namespace(maybe_done=False, run="", command="", output=None, channel=None, stream=False), 1
    try:
        _parse(sys.argv[1:] if argv is None else argv, args)
        _execute(args)
        return 0
    except _Stop as stop:
        code, text = stop.args
    except KeyboardInterrupt:
        code, text = 130, "interrupted"
    except Exception as error:
        from . import ApiError, NetworkError, PromptJugglerError, ValidationError, WaitTimeout

        text = str(error) or type(error).__name__
        if isinstance(error, WaitTimeout):
            code = 4
        elif isinstance(error, ValidationError):
            code, args.maybe_done = 2, False
        elif isinstance(error, ApiError):
            args.maybe_done &= (error.status_code or 0) >= 500
            text = text if text.startswith("HTTP ") else f"HTTP {error.status_code}: {text}"
        elif isinstance(error, NetworkError):
            args.maybe_done &= error.request_sent
        elif isinstance(error, OSError) and error.filename is not None:
            code, text = 2, f"{error.filename or 'a file without a name'} cannot be read: {error.strerror}"
        elif not isinstance(error, (PromptJugglerError, OSError)):
            text = f"{type(error).__name__}: {text}"
    if text:
        if args.run and not args.demo:
            text += f"; run {args.run} was started: python3 -m {__package__} get-{args.command[4:]}-run {args.run}"
        elif args.maybe_done:
            text += "; it may have been carried out all the same"
        _say(text)
    return code


def _write(stream: TextIO | None, text: str) -> None:
    """What the encoding lacks becomes an escape."""
    if stream is None or stream.closed:
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        try:
            stream.close()  # or the interpreter tries again
        except OSError:
            pass
        if stream is sys.stdout:
            text = f"standard output cannot be written: {error.strerror}"
            raise _Stop(1, "" if isinstance(error, BrokenPipeError) else text) from error  # `| head`


def _say(text: str) -> None:
    # A server must not steer the terminal.
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
    _write(sys.stderr, f"promptjuggler: {line}\n")


def _show(value: object, indent: int | None = 2) -> None:
    if not isinstance(value, str):
        import json

        ascii_only = "utf" not in str(sys.stdout.encoding).lower()
        value = json.dumps(value, indent=indent, default=str, ensure_ascii=ascii_only)
    _write(sys.stdout, f"{value}\n")


class _HelpFormatter(RawDescriptionHelpFormatter):
    """Texts as they stand, 79 columns wide.

    Without a width, argparse would load shutil to find that of the terminal. What a newer
    Python hands in beside the name of the program is passed on.
    """

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, **{"width": 79, **settings})


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # A value can be a secret.
        raise _Stop(2, message.partition(": '")[0] + f" (see {self.prog} --help)")

    def _print_message(self, message: str, file: object = None) -> NoReturn:
        _write(sys.stdout, message)
        raise _Stop(0, "")

    def add_options(self, options: dict[str, str]) -> None:
        for option, text in options.items():
            name, _, value = option.partition(" ")
            settings = {"metavar": value} | _SETTINGS.get(value, {}) if value else {"action": "store_true"}
            self.add_argument(name, help=text, **settings)


def _parse(arguments: list[str], args: Namespace) -> None:
    parser = _Parser(
        prog=f"python3 -m {__package__}",
        description="\n".join(f"    {name:26}{summary}" for name, (_, summary, _) in _COMMANDS.items()),
        epilog="exit codes: 0 done, 1 the API or the network failed or a webhook is invalid,\n"
        "2 wrong usage, 3 the run failed, 4 waiting timed out, 130 interrupted",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    parser.add_argument("--version", action="version", version=f"promptjuggler {__version__}")
    parser.add_options(_COMMON)
    end = [*arguments, "--"].index("--")
    words = parser.parse_known_args(arguments[:end], args)[1]
    syntax = "COMMAND"
    if words and words[0] in _COMMANDS:
        args.command = words[0]
        syntax, parser.description, example = _COMMANDS[args.command]
        if "=" in syntax:
            parser.description += ";\nNAME=@FILE reads a text file, NAME=@- standard input, NAME=@@TEXT is @TEXT"
        parser.prog += f" {args.command}"
        parser.epilog = f"example:\n  %(prog)s {example}"
        parser.add_options(_OPTIONS.get(args.command, {}))
        words = parser.parse_known_args(arguments[:end], args)[1][1:]
    if args.help:
        parser.usage = f"%(prog)s {syntax} [option ...]"
        parser.print_help()
    for word in words:
        if word.startswith("-") and word != "-":
            parser.error(f"there is no option {word.partition('=')[0]}")
    args.words = words + arguments[end + 1 :]
    names = syntax.partition("[")[0].split()
    if missing := names[len(args.words) :]:
        parser.error(f"required: {', '.join(missing)}")
    if not args.command:
        parser.error("argument COMMAND: invalid choice")
    if len(args.words) > len(names) and "[" not in syntax:
        parser.error("too many arguments")


def _read(path: str) -> bytes:
    if path == "-" and (sys.stdin is None or sys.stdin.closed):
        raise _Stop(2, "standard input is closed, or was read already")
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        return file.read()


def _text(path: str) -> str:
    try:
        return _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Stop(2, f"{path} is not UTF-8 text") from None


def _pairs(what: str, words: list[str] | None) -> dict[str, Any]:
    # A value can be a secret.
    result: dict[str, Any] = {}
    for word in words or ():
        name, _, value = word.partition("=")
        if not name or "=" not in word:
            raise _Stop(2, f"{what} must have the form NAME=VALUE")
        if name in result and what != "--metadata":
            raise _Stop(2, f"{what} {name} is given twice")
        if value.startswith("@"):
            value = value[1:] if value.startswith("@@") else _text(value[1:])
        result.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in result.items()}


def _run_arguments(args: Namespace) -> dict[str, Any]:
    import json

    try:
        inputs = {} if args.inputs_json is None else json.loads(_text(args.inputs_json))
        inputs |= _pairs("input", args.words[2:])
    except (ValueError, TypeError, RecursionError):
        raise _Stop(2, f"{args.inputs_json} must hold a JSON object") from None
    arguments = {
        "slug": args.words[0],
        "version": args.words[1],
        "inputs": inputs,
        "env_vars": _pairs("--env-var", args.env_var) or None,
        "metadata": _pairs("--metadata", args.metadata) or None,
        **_given(args, "priority", "thread", "environment", "channel"),
    }
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _Stop(2, "the inputs and options must be valid text") from None
    return arguments


def _given(args: Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name in names and value is not None}


def _execute(args: Namespace) -> None:
    if sys.stdout is None:
        raise _Stop(2, "standard output is closed")
    from contextlib import ExitStack

    commands = {"run": _run, "upload": _upload, "stream": _stream, "verify": _verify_webhook, "fake": _serve}
    if args.demo:
        _say("no model was called: with --demo, a stand-in on this machine answers")
    with ExitStack() as stack:
        if args.verbose:
            import logging

            logger = logging.getLogger("promptjuggler")
            handler = logging.Handler()
            handler.emit = lambda record: _write(sys.stderr, f"{record.getMessage()}\n")  # type: ignore[method-assign]
            logger.setLevel("DEBUG")
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
        commands.get(args.command.partition("-")[0], _call)(args, stack)


def _client(args: Namespace, stack: ExitStack) -> PromptJuggler:
    from . import PromptJuggler

    options = _given(args, "timeout", "max_retries", "base_url")
    if args.demo:
        server = _stand_in(stack)
        server.run_seconds = 0.0
        options |= {"api_key": server.api_key, "base_url": server.url, "proxy": False}
    elif args.api_key_file is not None:
        try:
            options["api_key"] = _text(args.api_key_file)
        except (OSError, _Stop):
            raise _Stop(2, "the file of --api-key-file cannot be read") from None  # it can be a secret
    elif not os.environ.get("PROMPTJUGGLER_API_KEY", "").strip():
        raise _Stop(2, "there is no API key: set PROMPTJUGGLER_API_KEY or --api-key-file")
    return stack.enter_context(PromptJuggler(**options))


def _stand_in(stack: ExitStack) -> FakeServer:
    from .testing import FakeServer

    server = stack.enter_context(FakeServer())
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_workflow("summary", lambda inputs: {"summary": inputs["text"].strip().partition(".")[0]})
    server.add_knowledge_base("manuals")
    return server


def _run(args: Namespace, stack: ExitStack) -> None:
    if args.priority not in (None, "onsite", "normal", "low"):
        raise _Stop(2, "--priority: must be onsite, normal or low")
    if args.output == "":
        raise _Stop(2, "--output must be the name of an output")
    kind, shown = args.command[4:], ""
    arguments, client = _run_arguments(args), _client(args, stack)
    args.maybe_done = True
    if args.stream and not args.json and not args.no_wait:
        with client.stream_prompt(timeout=args.wait_timeout or 300.0, **arguments) as stream:
            args.run = stream.run_id
            shown = _show_tokens(stream)
            run: Any = stream.result()
    else:
        run = getattr(client, f"run_{kind}")(**arguments)
        args.run = run.id
        if args.no_wait:
            _show(run.to_dict() if args.json else f"{run.id}\n{run.thread}")
            return
        wait = getattr(client, f"wait_for_{kind}_run")
        line = f"pending for {{:.0f}} s: run {run.id}"
        run = _with_progress(args, line.format, lambda: wait(args.run, timeout=args.wait_timeout or 300.0))
    if args.json:
        _show(run.to_dict())
    _check_end(args, run)
    if args.json or shown and shown == run.output:
        return
    if kind == "prompt":
        _show(run.output or "")
    elif args.output is None:
        _show(run.outputs)
    elif args.output in run.outputs:
        _show(run.outputs[args.output] or "")
    else:
        raise _Stop(2, f"there is no output {args.output}; there is {', '.join(run.outputs) or 'none'}")


def _check_end(args: Namespace, run: Any) -> None:
    args.maybe_done = False
    if run.status not in ("completed", "pending"):
        args.run = ""
        errors = run.errors if hasattr(run, "errors") else [run.error]
        raise _Stop(3, f"run {run.id} ended as {run.status}: {'; '.join(filter(None, errors)) or 'no reason is given'}")


def _stream(args: Namespace, stack: ExitStack) -> None:
    import re
    from dataclasses import asdict

    client, channels = _client(args, stack), [] if args.channel is None else [args.channel]
    with client.stream(args.words[0], channels=channels, timeout=args.wait_timeout) as stream:
        if args.demo:
            client.run_prompt("greeting", "production", {"name": "Ada"}, thread=args.words[0])
        for event in stream:
            name = re.sub(r"\B([A-Z])", r"_\1", type(event).__name__.removesuffix("Event")).lower()
            _show({"event": name} | asdict(event), None)


def _upload(args: Namespace, stack: ExitStack) -> None:
    from io import FileIO

    client, files, total = _client(args, stack), [], 0
    for path in args.words[1:]:
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            raise _Stop(2, f"{path} is not a regular file")  # a pipe would wait
        name = os.path.basename(os.fsencode(path)).decode("utf-8", "replace")  # surrogates cannot be sent
        files.append((name, stack.enter_context(FileIO(path))))
        total += os.path.getsize(path)

    def line(passed: float) -> str:
        done = sum(file.tell() for _, file in files)
        bar = "#" * (20 * done // (total or 1))
        return f"[{bar:-<20}] {done:,} of {total:,} bytes, {done / (passed or 1):,.0f} a second"

    args.maybe_done = True
    result = _with_progress(args, line, lambda: client.upload_documents(args.words[0], files))
    _show([document.to_dict() for document in result])


def _call(args: Namespace, stack: ExitStack) -> None:
    client, kind, words = _client(args, stack), args.command.partition("-")[2], args.words
    make: dict[str, Any] = {
        "prompt-run": lambda: client.run_prompt("greeting", "production", {"name": "Ada"}),
        "workflow-run": lambda: client.run_workflow("summary", "production", {"text": "A page."}),
        "knowledge-document": lambda: client.upload_documents("manuals", [("a.txt", b"A page.")])[0],
    }
    if args.demo and kind in make:
        words = [make[kind]().id]
        _say(f"{words[0]} takes the place of {args.words[0]}: the stand-in is new")
    result = getattr(client, args.command.replace("-", "_"))(*words)
    if result is not None:
        _show(result.to_dict())
    if kind.endswith("-run"):
        _check_end(args, result)


def _verify_webhook(args: Namespace, stack: ExitStack) -> None:
    from . import verify_webhook_signature

    secret = os.environ.get("PROMPTJUGGLER_WEBHOOK_SECRET")
    if args.demo and not args.signature:
        from .testing import sign_webhook

        _say("without --signature, a body of the stand-in is verified")
        body, secret, args.signature = b"{}", "demo", sign_webhook(b"{}", "demo")
    elif not secret or not args.signature:
        raise _Stop(2, "PROMPTJUGGLER_WEBHOOK_SECRET and --signature are needed")
    else:
        body = _read("-")
    if not verify_webhook_signature(body, args.signature, secret):
        _show("invalid")
        raise _Stop(1, "")
    _show("valid")


def _serve(args: Namespace, stack: ExitStack) -> None:
    import time

    server = _stand_in(stack)
    _show(f"export PROMPTJUGGLER_BASE_URL={server.url}\nexport PROMPTJUGGLER_API_KEY={server.api_key}")
    _say(_STAND_IN)
    while True:
        time.sleep(3600)


def _with_progress(args: Namespace, line: Callable[[float], str], call: Callable[[], Any]) -> Any:
    """Make a call; meanwhile, in a terminal, show a line, made from the seconds passed."""
    if args.quiet or args.verbose or sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return call()
    import threading
    import time

    over = threading.Event()

    def draw() -> None:
        begun, width, ended = time.monotonic(), 0, False
        while not ended:
            ended = over.wait(0.2 if width else 0)
            # After the last column, some terminals wrap.
            text = line(time.monotonic() - begun)[: (os.get_terminal_size(2).columns or 80) - 1]
            _write(sys.stderr, f"\r{text.ljust(width)}")
            width = len(text)
        _write(sys.stderr, f"\r{' ' * width}\r")

    thread = threading.Thread(target=draw, daemon=True)
    try:
        thread.start()
        return call()
    finally:
        over.set()
        if thread.is_alive():  # Ctrl-C can come before
            thread.join()


def _show_tokens(stream: Any) -> str:
    from . import ResetEvent, StaleEvent, TokenEvent

    shown = ""
    try:
        for event in stream:
            if not sys.stdout.isatty():
                continue
            if isinstance(event, TokenEvent):
                shown += event.text
                _write(sys.stdout, event.text)
            elif isinstance(event, (ResetEvent, StaleEvent)) and shown != stream.view.text:
                shown = stream.view.text
                _write(sys.stdout, f"\n{shown}")
    finally:
        if shown:
            _show("")
    return shown
