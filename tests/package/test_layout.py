"""The shape of the package: which modules there are, and which may import which."""

import ast
import functools
import importlib
import subprocess
import sys

import pytest
from helpers.package import ENV, FOLDER, NAME

# Left may import right, and nothing else of ours. `models` stands for all modules in it, which may import one another.
# The package itself gives any module `__version__`, and `testing` and `_cli` the public names.
ARROWS = {
    "errors": set(),
    "_enums": set(),
    "_retry": set(),
    "_secrets": set(),
    "_json": set(),
    "_clock": set(),
    "_sse": set(),
    "_multipart": set(),
    "webhook": {"errors"},
    "_decode": {"errors", "_enums"},
    "models": {"_decode", "_enums"},
    "_assembly": {"models"},
    "_transport": {"errors"},
    "_stream": {"_sse", "_assembly", "_transport", "_retry", "models", "errors"},
    "client": {
        "_transport",
        "_retry",
        "_multipart",
        "_stream",
        "models",
        "_decode",
        "errors",
    },
    "testing": {"webhook"},
    "_cli": {"testing", "errors"},
    "__main__": {"_cli"},
}
PUBLIC_NAMES_IN = {"testing", "_cli"}
PRINTING = {"testing", "_cli", "__main__"}
SOCKETS = {"_transport", "testing"}

MODULES = sorted(
    str(path.relative_to(FOLDER).with_suffix("")).replace("\\", "/")
    for path in FOLDER.rglob("*.py")
)
TREES = {
    module: ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))
    for module in MODULES
}


def part(module):
    """The name of a module in ARROWS."""
    return "models" if module.startswith("models") else module


def imports(module):
    """What a module imports, for types too: (relative level, dotted module, name or None, where).

    Where is "types" under `if TYPE_CHECKING`, "function" inside a function, else "module".
    """
    where = {}
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            where.update(
                (id(inner), "types")
                for statement in node.body
                for inner in ast.walk(statement)
            )
    for function in functions(module):
        where.update((id(inner), "function") for inner in ast.walk(function))
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, None, where.get(id(node), "module")
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield (
                    node.level,
                    node.module or "",
                    alias.name,
                    where.get(id(node), "module"),
                )


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
        for node in ast.walk(TREES[module])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def ours(module):
    """The modules of ours that a module imports: (name in ARROWS or None for the package, imported name, where)."""
    for level, dotted, name, where in imports(module):
        if level:
            up = level - (2 if "/" in module else 1)
            assert up in (0, -1), f"{module} reaches out of the package"
            if up == -1:
                yield "models", name, where
            elif dotted:
                yield part(dotted.partition(".")[0]), name, where
            elif (FOLDER / f"{name}.py").exists() or (FOLDER / name).is_dir():
                yield part(name), None, where
            else:
                yield None, name, where


@functools.cache
def calls(module):
    """Every call of a module: (dotted text of what is called, node)."""
    return [
        (ast.unparse(node.func), node)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call)
    ]


def test_the_modules_are_those_of_the_design():
    results = ("__init__", "runs", "prompts", "knowledge", "streaming", "webhooks")
    expected = (
        ARROWS.keys() - {"models"}
        | {"__init__"}
        | {f"models/{name}" for name in results}
    )
    assert set(MODULES) == expected


def test_beside_the_modules_there_is_only_the_mark_for_type_checkers():
    files = {
        path.name
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    # A copy in another package brings its license along.
    assert files - {"LICENSE"} == {"py.typed"}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module != "__init__"]
)
def test_a_module_imports_only_what_the_design_allows(module):
    for target, name, where in ours(module):
        if target is not None:
            assert target in ARROWS[part(module)] | {part(module)}, (
                f"{module} imports {target}"
            )
        elif name != "__version__":
            assert part(module) in PUBLIC_NAMES_IN, (
                f"{module} imports {name} of the package"
            )
            # Loading `testing` must not load the client: a handler's test may want nothing but sign_webhook.
            assert where != "module" or part(module) == "_cli", (
                f"{module} imports {name} when it is loaded"
            )


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_the_rest_from_the_standard_library(module):
    assert top_level(foreign(module)) <= sys.stdlib_module_names
    everything = {dotted for level, dotted, _, _ in imports(module) if not level}
    # Type checkers have the types of the standard library's insides; there is nothing of it at run time.
    assert top_level(everything) <= sys.stdlib_module_names | {"_typeshed"}


def test_only_the_package_itself_loads_modules_by_name():
    for module in MODULES:
        names = {text for text, _ in calls(module)}
        loading = names & {
            "__import__",
            "import_module",
            "importlib.import_module",
            "exec",
            "eval",
            "compile",
        }
        assert loading <= ({"__import__"} if module == "__init__" else set()), (
            f"{module} calls {loading}"
        )


def test_the_package_itself_imports_nothing_when_it_is_loaded():
    tree = TREES["__init__"]
    assert not [
        node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    (for_types,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(for_types.test) == "TYPE_CHECKING"
    everywhere = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert everywhere == [
        node
        for node in for_types.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_at_most_450_lines_but_for_the_large_ones(module):
    # More modules would make the wheel larger than it may be.
    large = {"_transport": 750, "testing": 570, "client": 510, "_cli": 490}
    lines = (FOLDER / f"{module}.py").read_text("utf-8").count("\n")
    assert lines <= large.get(module, 450)


@pytest.mark.parametrize("module", MODULES)
def test_a_function_has_at_most_50_lines_after_its_docstring(module):
    for function in functions(module):
        body = function.body
        if ast.get_docstring(function) is not None:
            body = body[1:]
        if body:
            lines = body[-1].end_lineno - body[0].lineno + 1
            assert lines <= 50, f"{module}.{function.name} has {lines} lines"


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
    "module", [module for module in MODULES if part(module) not in PRINTING]
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
        ast.unparse(node)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Attribute)
    }
    assert not streams & {"sys.stdout", "sys.stderr", "sys.stdin", "warnings.warn"}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module not in SOCKETS]
)
def test_only_the_transport_and_the_stand_in_server_can_open_sockets(module):
    assert not top_level(foreign(module)) & {
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
    "module", ["_decode", "_sse", "_assembly", "_retry", "webhook"]
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
    assert not {text.rpartition(".")[2] for text, _ in calls(module)} & forbidden
    for node in ast.walk(TREES[module]):
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
