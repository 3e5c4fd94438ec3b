"""The shape of the package: which rooms there are, which may import which, how they read."""

import ast
import functools
import importlib
import re
import subprocess
import sys
import tokenize

import pytest
from helpers.package import ENV, FOLDER, NAME, nodes_of

# Who may import whom, types included: the rooms at the left those at the right, and no
# others. A room is a module, or a folder with all that is in it. Besides, each may import
# `__version__` of the package.
ROOMS = {
    "errors": {"_annotations"},
    "waits": {"errors", "_annotations", "models"},
    "_annotations": set(),
    "_enums": set(),
    "_secrets": set(),
    "_masking": {"_secrets"},
    "_clock": set(),
    "_json": set(),
    "_retry": set(),
    "_polling": set(),
    "webhook": {"errors"},
    "_loading": {"errors"},
    "_arguments": {"errors", "_secrets", "_json"},
    "_values": {"_enums", "_json", "_masking", "_secrets"},
    "_decode": {
        "errors",
        "_enums",
        "_fields",
        "_json",
        "_masking",
        "_secrets",
        "_values",
    },
    "_frozen": {"_json"},
    "_fields": set(),
    "_building": {"_arguments", "_decode", "_enums", "_fields", "_json"},
    "_model": {"errors", "_building", "_decode", "_enums", "_frozen", "_values"},
    "models": {"_model", "_enums"},
    "moving": set(),
    "_http": {
        "errors",
        "_secrets",
        "_masking",
        "_arguments",
        "_clock",
        "_json",
        "_loading",
    },
    "streaming": {
        "errors",
        "waits",
        "_frozen",
        "_secrets",
        "_arguments",
        "_clock",
        "_json",
        "_loading",
        "_polling",
        "_retry",
        "_http",
        "models",
    },
    "_client": {
        "_batch",
        "batch",
        "errors",
        "waits",
        "_loading",
        "_annotations",
        "_secrets",
        "_masking",
        "_arguments",
        "_clock",
        "_retry",
        "_polling",
        "_decode",
        "_model",
        "models",
        "_http",
        "streaming",
    },
    "_batch": {
        "errors",
        "_arguments",
        "_clock",
        "_json",
        "_polling",
        "_retry",
        "models",
    },
    "batch": {"errors", "_arguments", "_batch", "_frozen", "models"},
    "client": {
        "_annotations",
        "_loading",
        "_client",
        "_arguments",
        "_secrets",
        "_http",
    },
    "testing": {"webhook"},
    "_cli": {"_batch", "_http", "_masking", "_secrets", "testing"},
    "__main__": {"_cli"},
    "_old_python": set(),
}

# Rooms that use the package as a user does.
USING_PUBLIC_NAMES = {"testing", "_cli"}

# The same for the files of a folder.
FILES = {
    "_client": {
        "__init__": set(),
        "batches": {"requests"},
        "caller": set(),
        "preloading": set(),
        "requests": set(),
        "runs": {"caller", "requests"},
        "knowledge": {"caller", "requests"},
        "streams": {"runs", "requests"},
        "many": {"streams", "requests", "batches"},
    },
    "_batch": {
        "__init__": set(),
        "arguments": set(),
        "clock": set(),
        "file": set(),
        "journal": {"file"},
        "pace": {"clock"},
        "work": {"clock", "journal", "pace"},
        "tally": {"work"},
        "crew": set(),
        "course": set(),
    },
    "_http": {
        "__init__": set(),
        "addresses": {"deadline", "exceptions", "sockets"},
        "certificates": set(),
        "deadline": set(),
        "exceptions": set(),
        "multipart": {"sockets"},
        "proxy": set(),
        "retry_after": set(),
        "causes": {"exceptions"},
        "messages": {"certificates", "deadline"},
        "sockets": {"deadline"},
        "response": {"exceptions", "sockets"},
        "connection": {
            "addresses",
            "deadline",
            "exceptions",
            "messages",
            "response",
            "sockets",
        },
        "pool": {"connection", "messages", "response"},
        "failures": {"causes", "certificates", "exceptions", "messages"},
        "error_answers": {"exceptions", "messages", "retry_after"},
        "codings": {"exceptions", "sockets"},
        "bodies": {"codings", "error_answers", "exceptions", "messages", "sockets"},
        "transport": {
            "bodies",
            "certificates",
            "deadline",
            "error_answers",
            "failures",
            "messages",
            "pool",
            "proxy",
            "sockets",
        },
    },
    "models": {
        "enums": set(),
        "errors": set(),
        "metadata": set(),
        "streaming": set(),
        "tools": set(),
        "uploads": set(),
        "knowledge": {"enums"},
        "transcripts": {"enums"},
        "usage": {"enums"},
        "webhooks": {"enums"},
        "prompts": {"enums", "tools"},
        "run_prompt": {"metadata"},
        "run_workflow": {"metadata"},
        "prompt_runs": {"enums", "transcripts", "usage"},
        "workflow_runs": {"enums", "usage"},
    },
    "streaming": {
        "__init__": {"thread_stream", "run_stream", "events"},
        "events": set(),
        "_sse": set(),
        "_fields": set(),
        "_held": {"_fields", "events"},
        "_assembly": {"_fields", "_held", "events"},
        "_attempts": set(),
        "_connecting": set(),
        "thread_stream": {"_assembly", "_attempts", "_connecting", "_sse", "events"},
        "run_stream": {"events", "thread_stream"},
    },
    "_cli": {
        "__init__": {"arguments", "exits", "output", "signals", "commands"},
        "advice": set(),
        "amounts": set(),
        "demo": set(),
        "exits": {"advice"},
        "kinds": set(),
        "program": {"output"},
        "files": set(),
        "signals": {"exits"},
        "trust": {"exits"},
        "output": {"exits"},
        "inputs": {"exits"},
        "line": {"output"},
        "tables": {"kinds"},
        "arguments": {"exits", "kinds", "program", "tables"},
        "completion": {"kinds", "tables"},
        "session": {
            "arguments",
            "demo",
            "exits",
            "inputs",
            "line",
            "output",
            "program",
            "trust",
            "watching",
        },
        "watching": set(),
        "results": {"exits", "output", "session"},
        "runs": {"arguments", "exits", "inputs", "output", "results", "session"},
        "waits": {"demo", "output", "results", "session"},
        "documents": {"demo", "exits", "files", "output", "results", "session"},
        "rows": {"exits", "inputs"},
        "bar": {"amounts", "line", "output"},
        "sums": {"advice", "amounts", "exits", "output"},
        "again": {"arguments", "inputs", "kinds", "program", "tables"},
        "batches": {
            "again",
            "arguments",
            "bar",
            "exits",
            "inputs",
            "output",
            "rows",
            "runs",
            "session",
            "sums",
        },
        "commands": {
            "arguments",
            "batches",
            "completion",
            "demo",
            "documents",
            "exits",
            "inputs",
            "output",
            "results",
            "runs",
            "session",
            "tables",
            "waits",
        },
    },
    "testing": {
        "__init__": {"server", "webhooks"},
        "__main__": {"server"},
        "server": {
            "_adding",
            "_base",
            "_calls",
            "_checks",
            "_failing",
            "_http",
            "_publishing",
            "messages",
            "parts",
        },
        "_adding": {
            "_base",
            "_calls",
            "_checks",
            "_deliveries",
            "_revisions",
            "_state",
            "parts",
        },
        "_revisions": {"_checks", "_state"},
        "_failing": {"_base", "_checks", "_faults", "messages"},
        "_publishing": {"_base", "_checks"},
        "_base": {
            "_api",
            "_calls",
            "_checks",
            "_deliveries",
            "_faults",
            "_indexing",
            "_jobs",
            "_state",
            "_streams",
            "_work",
        },
        "_http": {"_api", "_faults", "_jobs", "_state", "_streams", "messages"},
        "_api": {"_bodies", "_indexing", "_state", "_streams", "_work", "messages"},
        "_indexing": {
            "_answers",
            "_bodies",
            "_clock",
            "_deliveries",
            "_jobs",
            "_state",
            "parts",
        },
        "_work": {
            "_answers",
            "_bodies",
            "_calls",
            "_checks",
            "_clock",
            "_deliveries",
            "_jobs",
            "_state",
            "_streams",
            "parts",
        },
        "_deliveries": {"messages", "webhooks"},
        "_faults": {"messages"},
        "_jobs": {"_clock"},
        "_state": {"_bodies", "_calls", "_clock", "messages", "parts"},
        "_answers": {"parts"},
        "_bodies": set(),
        "_calls": set(),
        "_checks": set(),
        "_clock": set(),
        "_streams": set(),
        "messages": set(),
        "parts": {"_checks"},
        "webhooks": {"_checks"},
    },
}

PRINTING = {"_cli", "__main__", "testing/__main__", "_old_python"}
SOCKETS = {"_http", "testing/_http", "testing/_deliveries", "testing/server"}
# It makes the context that a user of the client would make.
MAKING_CONTEXTS = {"_cli/trust"}
# After a signal, it asks whether standard output takes anything without waiting.
ASKING_PIPES = {"_cli/output"}
# A program handles the signals that end it, while it runs; it puts them back.
HANDLING_SIGNALS = {"_cli/signals"}
PURE = {
    "_arguments",
    "_building",
    "_decode",
    "_fields",
    "_json",
    "_masking",
    "_polling",
    "_retry",
    "streaming/_assembly",
    "streaming/_fields",
    "streaming/_held",
    "streaming/_sse",
    "testing/_checks",
    "testing/_answers",
    "webhook",
}

FILES["models"]["__init__"] = set(FILES["models"])

MODULES = sorted(
    str(path.relative_to(FOLDER).with_suffix("")).replace("\\", "/")
    for path in FOLDER.rglob("*.py")
)
TEXTS = {module: (FOLDER / f"{module}.py").read_text("utf-8") for module in MODULES}
TREES = {module: nodes_of(FOLDER / f"{module}.py")[0] for module in MODULES}


def room(module):
    """The room of a module: its folder, or itself."""
    return module.partition("/")[0]


def nodes(module):
    """Everything in the tree of a module."""
    return nodes_of(FOLDER / f"{module}.py")


def is_in(module, places):
    """Whether a module, or the room that it is in, is one of these."""
    return module in places or room(module) in places


@functools.cache
def imports(module):
    """What a module imports, for types too: (relative level, dotted module, name or None,
    where).

    Where is "types" under `if TYPE_CHECKING`, "function" inside a function, else "module".
    """
    where = {}
    for node in nodes(module):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            where.update(
                (id(inner), "types")
                for statement in node.body
                for inner in ast.walk(statement)
            )
    for function in functions(module):
        where.update((id(inner), "function") for inner in ast.walk(function))
    found = []
    for node in nodes(module):
        if isinstance(node, ast.Import):
            place = where.get(id(node), "module")
            found += [(0, alias.name, None, place) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            place = where.get(id(node), "module")
            of, level = node.module or "", node.level
            found += [(level, of, alias.name, place) for alias in node.names]
    return found


@functools.cache
def foreign(module):
    """What a module imports from outside when it runs, as dotted names."""
    return {
        f"{dotted}.{name}" if name else dotted
        for level, dotted, name, where in imports(module)
        if not level and where != "types"
    }


def top_level(dotted_names):
    """The first parts of dotted names."""
    return {dotted.partition(".")[0] for dotted in dotted_names}


@functools.cache
def functions(module):
    """Every function of a module."""
    return [
        node
        for node in nodes(module)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def ours(module):
    """What a module imports of the package: (path of the module in the package, where).

    The path is "" for a name of the package itself.
    """
    folder = module.split("/")[:-1]
    for level, dotted, name, where in imports(module):
        if not level:
            continue
        assert level <= len(folder) + 1, f"{module} reaches out of the package"
        base = folder[: len(folder) - (level - 1)]
        path = "/".join([*base, *filter(None, dotted.split("."))])
        below = f"{path}/{name}".strip("/")
        if below in TREES or f"{below}/__init__" in TREES:
            path = below
        if path == "" and name == "__version__":
            continue
        yield path, where


def file_of(path):
    """The file of a path in a folder: `_http/pool` is `pool`, `_http` is `__init__`."""
    return path.partition("/")[2] or "__init__"


@functools.cache
def calls(module):
    """Every call of a module: (dotted text of what is called, node)."""
    return [
        (ast.unparse(node.func), node)
        for node in nodes(module)
        if isinstance(node, ast.Call)
    ]


def test_the_rooms_are_those_of_the_design():
    assert {room(module) for module in MODULES} - {"__init__"} == set(ROOMS)
    for folder, files in FILES.items():
        there = {file_of(module) for module in MODULES if room(module) == folder}
        assert there == set(files), folder


def test_beside_the_modules_are_only_the_mark_for_type_checkers_and_the_license():
    files = {
        path.name
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    # A copied folder brings its license along.
    assert files == {"py.typed", "LICENSE"}


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_a_module_imports_only_what_the_design_allows(module):
    for path, where in ours(module):
        if path == "":
            assert room(module) in USING_PUBLIC_NAMES, f"{module} uses public names"
            # Loading `testing` must not load the client: a handler's test may want
            # nothing but sign_webhook.
            assert where != "module" or room(module) == "_cli", module
        elif room(path) != room(module):
            assert room(path) in ROOMS[room(module)], f"{module} imports {path}"
        else:
            allowed = FILES[room(module)][file_of(module)]
            assert file_of(path) in allowed | {file_of(module)}, (
                f"{module} imports {path}"
            )


def circle(arrows):
    """The things that are left when what imports nothing of the rest is taken away."""
    left = {name: set(targets) & set(arrows) for name, targets in arrows.items()}
    while left:
        done = {name for name, targets in left.items() if not targets}
        if not done:
            return sorted(left)
        left = {
            name: targets - done for name, targets in left.items() if name not in done
        }
    return []


def test_no_modules_import_one_another_in_a_circle_types_included():
    arrows = {
        module: {
            path if path in TREES else f"{path}/__init__"
            for path, _ in ours(module)
            if path
        }
        - {module}
        for module in MODULES
        # What is loaded when it is first used stands above what it gives.
        if not module.endswith("__init__")
    }
    assert circle(arrows) == []
    assert circle(ROOMS) == []
    for folder, files in FILES.items():
        assert circle({k: v for k, v in files.items() if k != "__init__"}) == [], folder


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_the_rest_from_the_standard_library(module):
    assert top_level(foreign(module)) <= sys.stdlib_module_names
    everything = {dotted for level, dotted, _, _ in imports(module) if not level}
    # Type checkers have the types of the standard library's insides; there is nothing of it at run time.
    assert top_level(everything) <= sys.stdlib_module_names


# What gives names when they are first used, and what stands in for modules in signatures.
LOADS_BY_NAME = {
    "__init__",
    "models/__init__",
    "streaming/__init__",
    "testing/__init__",
    "_annotations",
    "_loading",
}


def test_only_what_gives_names_at_their_first_use_loads_modules_by_name():
    for module in MODULES:
        names = {text for text, _ in calls(module)}
        assert not names & {"__import__", "exec", "eval", "compile"}, module
        loading = names & {"import_module", "importlib.import_module"}
        assert not loading or module in LOADS_BY_NAME, f"{module} calls {loading}"


def test_the_package_itself_imports_nothing_of_its_own_when_it_is_loaded():
    tree = TREES["__init__"]
    when_loaded = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert when_loaded == ["import sys"]
    for_old_pythons, for_types, *rest = [
        node for node in tree.body if isinstance(node, ast.If)
    ]
    assert ast.unparse(for_old_pythons.test) == "sys.version_info < (3, 10)"
    assert {ast.unparse(node.test) for node in (for_types, *rest)} <= {
        "TYPE_CHECKING",
        "not TYPE_CHECKING",
    }


MOST_LINES = 430
MOST_LINES_OF_A_FUNCTION = 40
WIDEST_LINE = 100
USUAL_WIDTH = 80


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_at_most_430_lines_and_none_over_100_columns(module):
    lines = TEXTS[module].splitlines()
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > WIDEST_LINE] == []


def test_nine_lines_of_ten_have_under_80_columns():
    lines = [line for text in TEXTS.values() for line in text.splitlines()]
    narrow = [line for line in lines if len(line) < USUAL_WIDTH]
    assert len(narrow) / len(lines) >= 0.9


def lines_of_prose(module):
    """The numbers of lines with docstrings or comments."""
    numbers = set()
    for node in nodes(module):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            value = getattr(statement, "value", None)
            # A text that stands alone: of a module, class, function or attribute.
            if isinstance(statement, ast.Expr) and isinstance(value, ast.Constant):
                numbers.update(range(statement.lineno, statement.end_lineno + 1))
    with open(FOLDER / f"{module}.py", "rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                numbers.add(token.start[0])
    return numbers


def test_docstrings_and_comments_are_at_least_18_percent_of_the_lines():
    prose = sum(len(lines_of_prose(module)) for module in MODULES)
    everything = sum(text.count("\n") for text in TEXTS.values())
    assert prose / everything >= 0.18


@pytest.mark.parametrize("module", MODULES)
def test_a_function_has_at_most_40_lines_beside_its_docstring(module):
    for function in functions(module):
        lines = function.end_lineno - function.lineno + 1
        if ast.get_docstring(function) is not None:
            docstring = function.body[0]
            lines -= docstring.end_lineno - docstring.lineno + 1
        assert lines <= MOST_LINES_OF_A_FUNCTION, (
            f"{module}.{function.name} has {lines} lines"
        )


def overridden(module, class_name):
    """The names that a class has from the standard library: what a method of such a name does is said there."""
    home = importlib.import_module(
        ".".join((NAME, *module.replace("__init__", "").strip("/").split("/"))).rstrip(
            "."
        )
    )
    bases = getattr(home, class_name).__mro__[1:]
    return {
        name
        for base in bases
        if not base.__module__.startswith(NAME)
        for name in vars(base)
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_and_everything_public_in_it_has_a_docstring(module):
    definitions = [
        node
        for node in TREES[module].body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    public = [node for node in definitions if not node.name.startswith("_")]
    assert ast.get_docstring(TREES[module]), module
    for node in public:
        assert ast.get_docstring(node), f"{module}: {node.name}"
        methods = node.body if isinstance(node, ast.ClassDef) else []
        for method in methods:
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                said = ast.get_docstring(method) or method.name in overridden(
                    module, node.name
                )
                assert said, f"{module}: {node.name}.{method.name}"


@pytest.mark.parametrize(
    "module", [module for module in MODULES if not is_in(module, PRINTING)]
)
def test_a_library_module_does_not_print_or_exit(module):
    assert not {text for text, _ in calls(module)} & {
        "print",
        "sys.exit",
        "exit",
        "quit",
        "os._exit",
        "input",
    }
    streams = {
        ast.unparse(node) for node in nodes(module) if isinstance(node, ast.Attribute)
    }
    assert not streams & {"sys.stdout", "sys.stderr", "sys.stdin", "warnings.warn"}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if not is_in(module, SOCKETS)]
)
def test_only_the_transport_and_the_stand_in_server_can_open_sockets(module):
    allowed = {"ssl"} if module in MAKING_CONTEXTS else set()
    allowed |= {"select"} if module in ASKING_PIPES else set()
    assert not (top_level(foreign(module)) - allowed) & {
        "socket",
        "socketserver",
        "ssl",
        "select",
        "selectors",
        "asyncio",
    }
    assert not {
        name
        for name in foreign(module)
        if name.startswith(("http.", "urllib.request", "ftplib", "smtplib"))
    }


@pytest.mark.parametrize(
    "module", [module for module in MODULES if is_in(module, PURE)]
)
def test_a_pure_module_has_no_randomness_and_does_not_wait(module):
    assert not top_level(foreign(module)) & {
        "random",
        "secrets",
        "threading",
        "os",
        "io",
    }
    assert not {text for text, _ in calls(module)} & {"time.sleep", "sleep", "open"}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_changes_what_belongs_to_the_whole_process(module):
    forbidden = {
        "install_opener",
        "setdefaulttimeout",
        "putenv",
        "unsetenv",
        "setlocale",
        "basicConfig",
        "signal",
        "settrace",
        "setswitchinterval",
        "setrecursionlimit",
        "set_int_max_str_digits",
        "umask",
        "chdir",
    }
    called = {text.rpartition(".")[2] for text, _ in calls(module)}
    if module in HANDLING_SIGNALS:
        called.remove("signal")
    assert not called & forbidden
    for node in nodes(module):
        assert not isinstance(node, ast.Global), (
            f"{module} has a global statement in line {node.lineno}"
        )
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Subscript):
                assert ast.unparse(target.value) not in (
                    "os.environ",
                    "environ",
                    "sys.modules",
                ), module
            elif isinstance(target, ast.Attribute):
                # Setting an attribute of a module (`socket.timeout = ...`) would be the same in another dress.
                root = ast.unparse(target).partition(".")[0]
                # What a signal raises in a finalizer is told to this alone.
                is_hook = ast.unparse(target) == "sys.unraisablehook"
                if is_hook and module in HANDLING_SIGNALS:
                    continue
                assert root not in top_level(foreign(module)), (
                    f"{module} sets {ast.unparse(target)}"
                )
    mutations = {"pop", "update", "setdefault", "clear", "popitem"}
    assert not {text for text, _ in calls(module)} & {
        f"os.environ.{name}" for name in mutations
    }


# What belongs to the whole process, before and after a program that uses every part of the package.
GLOBAL_STATE = """
import gc, locale, os, signal, socket, sys, threading, urllib.request, warnings

def state():
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    return {
        "environment": dict(os.environ), "folder": os.getcwd(), "timeout": socket.getdefaulttimeout(),
        "opener": urllib.request._opener, "signals": handlers, "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters), "recursion": sys.getrecursionlimit(), "hooks": list(sys.meta_path),
        "path": list(sys.path), "threads": threading.enumerate(), "exception": (sys.excepthook, threading.excepthook),
        "collector": (gc.isenabled(), gc.get_threshold(), list(gc.callbacks)), "switch": sys.getswitchinterval(),
    }

before = state()
import NAME as package
from NAME.testing import FakeServer
for name in package.__all__:
    getattr(package, name)
with FakeServer() as server:
    server.add_prompt("greeting", lambda inputs: "Hello!")
    with package.PromptJuggler(server.api_key, base_url=server.url) as client:
        client.get_prompt("greeting", 1)
        run = client.run_prompt("greeting", "production", {})
        client.wait_for_prompt_run(run.id, poll_interval=0.01)
        with client.run_prompts("greeting", "production", [{}, {}]) as batch:
            assert len(list(batch)) == 2
after = state()
for name in before:
    assert before[name] == after[name], (name, before[name], after[name])
assert "logging" not in sys.modules
"""


def test_using_the_package_changes_nothing_of_the_process():
    code = GLOBAL_STATE.replace("NAME", NAME)
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_the_map_of_the_command_line_has_every_module_of_it():
    doc = ast.get_docstring(TREES["_cli/__init__"])
    told = set(re.findall(r"^    (\w+)  ", doc, re.M)) | set(
        re.findall(r"`(\w+)`", doc)
    )
    modules = set(FILES["_cli"]) - {"__init__"}
    assert modules - told == set()
    assert set(re.findall(r"^    (\w+)  ", doc, re.M)) - modules == set()
