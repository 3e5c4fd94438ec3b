"""What can be imported from the package, and what that loads."""

import ast
import importlib
import pickle
import subprocess
import sys
import types
import typing

import pytest
from helpers.package import ENV, FOLDER, NAME

import promptjuggler

SUBMODULES = {
    "batch",
    "client",
    "errors",
    "models",
    "moving",
    "streaming",
    "testing",
    "waits",
    "webhook",
}
# The two that load their names when they are first used.
LAZY = {"": promptjuggler, "models": promptjuggler.models}
lazy = pytest.mark.parametrize("package", LAZY)


def printed_by(code):
    """What a new process prints. NAME in its code is the name of the package."""
    command = [sys.executable, "-W", "error", "-c", code.replace("NAME", NAME)]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def new_process(code):
    """What a new process prints, read as a Python literal."""
    return ast.literal_eval(printed_by(code))


def new_processes(codes):
    """The same for each of some pieces of code, by piece.

    What they load of the standard library is there already: it would take most of the time.
    """
    forks = f"""
import dataclasses, datetime, json, os, sys, typing, uuid
for code in {codes!r}:
    if os.fork() == 0:
        exec(code)
        sys.stdout.flush()
        os._exit(0)
    assert os.wait()[1] == 0
"""
    lines = printed_by(forks).splitlines()
    return dict(zip(codes, map(ast.literal_eval, lines), strict=True))


LOADED = (
    "import sys\nbefore = set(sys.modules)\n{}\nprint(set(sys.modules) - before or '')"
)


def loaded_by(code):
    """The modules that a new process loads for `code`."""
    return new_process(LOADED.format(code))


def imports_for_checkers(package):
    """The imports that only type checkers see: {name: module}, None for a submodule."""
    source = (FOLDER / package / "__init__.py").read_text("utf-8")
    (block,) = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    found = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        assert statement.level == 1
        for alias in statement.names:
            # `as` says that the name is exported, and not only used.
            assert alias.asname == alias.name
            assert alias.name not in found
            found[alias.name] = statement.module
    return found


def module_of(package, home):
    """The module that a table names."""
    return importlib.import_module(".".join(filter(None, [NAME, package, home])))


@lazy
def test_all_is_sorted_and_has_no_name_twice(package):
    names = LAZY[package].__all__
    assert sorted(set(names)) == names


@lazy
def test_the_table_of_names_is_sorted(package):
    assert list(LAZY[package]._HOME_OF) == LAZY[package].__all__


@lazy
def test_type_checkers_and_the_interpreter_find_the_same_names_in_the_same_modules(
    package,
):
    submodules = getattr(LAZY[package], "_SUBMODULES", ())
    expected = {**LAZY[package]._HOME_OF, **dict.fromkeys(submodules)}
    assert imports_for_checkers(package) == expected


def test_the_submodules_are_those_of_the_design():
    assert set(promptjuggler._SUBMODULES) == SUBMODULES


HOMES = sorted({*promptjuggler._HOME_OF.values()} - {"models"})
MODEL_HOMES = sorted({*promptjuggler.models._HOME_OF.values()})


@pytest.mark.parametrize(
    ("package", "home"),
    [("", home) for home in HOMES] + [("models", home) for home in MODEL_HOMES],
)
def test_the_public_names_of_a_module_are_those_that_it_defines_itself(package, home):
    module = module_of(package, home)
    names = [name for name, of in LAZY[package]._HOME_OF.items() if of == home]
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    }
    # A private module has names for its neighbours too. A union is of no module.
    if not home.startswith("_"):
        assert names == sorted(module.__all__)
        assert defined <= set(names)
    assert set(names) <= {*vars(module)}


def test_the_results_are_the_public_names_of_their_package():
    homes = promptjuggler._HOME_OF.items()
    assert [name for name, home in homes if home == "models"] == (
        promptjuggler.models.__all__
    )


@pytest.mark.parametrize("name", promptjuggler.models.__all__)
def test_a_result_is_the_object_of_its_own_module(name):
    module = module_of("models", promptjuggler.models._HOME_OF[name])
    assert getattr(promptjuggler.models, name) is getattr(module, name)


@pytest.mark.parametrize("name", promptjuggler.__all__)
def test_a_public_name_is_the_object_of_its_own_module(name):
    module = module_of("", promptjuggler._HOME_OF[name])
    assert getattr(promptjuggler, name) is getattr(module, name)


def test_a_name_is_looked_up_once_and_is_an_ordinary_attribute_then():
    before, after, again = new_process(
        "import NAME as p\n"
        "before = 'ApiError' in vars(p)\n"
        "error = p.ApiError\n"
        "print((before, vars(p).get('ApiError') is error, p.ApiError is error))"
    )
    assert (before, after, again) == (False, True, True)


SUBMODULE = "import NAME as p; print(repr(p.{}.__name__))"


@pytest.fixture(scope="module")
def submodules():
    return new_processes([SUBMODULE.format(name) for name in SUBMODULES])


@pytest.mark.parametrize("name", sorted(SUBMODULES))
def test_a_submodule_is_there_after_importing_the_package_alone(name, submodules):
    assert submodules[SUBMODULE.format(name)] == f"{NAME}.{name}"


def test_a_name_that_does_not_exist_is_an_attribute_error_with_the_name_in_it():
    with pytest.raises(AttributeError, match="no attribute 'RunStatu'"):
        promptjuggler.RunStatu  # noqa: B018
    with pytest.raises(ImportError, match="RunStatu"):
        from promptjuggler import RunStatu  # noqa: F401
    with pytest.raises(AttributeError, match="models' has no attribute 'RunStatu'"):
        promptjuggler.models.RunStatu  # noqa: B018


@lazy
def test_dir_lists_every_public_name_and_submodule_before_any_is_loaded(package):
    module = ".".join(filter(None, [NAME, package]))
    listed = set(new_process(f"import {module} as p; print(dir(p))"))
    submodules = getattr(LAZY[package], "_SUBMODULES", ())
    assert {*LAZY[package].__all__, *submodules, "__name__", "__doc__"} <= listed
    public = {name for name in listed if not name.startswith("_")}
    assert public == {*LAZY[package].__all__, *submodules}


def test_the_package_has_its_version():
    assert "__version__" in dir(promptjuggler)


@lazy
def test_a_star_import_gives_exactly_the_public_names(package):
    module = ".".join(filter(None, [NAME, package]))
    names = new_process(
        f"space = {{}}\nexec('from {module} import *', space)\nprint(sorted(space))"
    )
    assert names == sorted(["__builtins__", *LAZY[package].__all__])


def test_every_public_class_and_function_has_a_docstring_of_its_own():
    for name in promptjuggler.__all__:
        value = getattr(promptjuggler, name)
        if isinstance(value, (type, types.FunctionType)):
            text = (
                vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
            )
            assert text, name
            # A dataclass without a docstring gets its signature for one.
            assert not text.startswith(f"{name}("), name


def test_what_is_no_class_and_no_function_is_one_of_the_unions():
    others = {
        name
        for name in promptjuggler.__all__
        if not isinstance(getattr(promptjuggler, name), (type, types.FunctionType))
    }
    assert others == {
        "Tool",
        "ResponseFormat",
        "TranscriptItem",
        "MetadataValue",
        "IdOrTag",
        "StreamEvent",
        "UploadFile",
    }


def test_every_public_class_pickles_by_its_name():
    for name in promptjuggler.__all__:
        value = getattr(promptjuggler, name)
        if isinstance(value, type):
            assert pickle.loads(pickle.dumps(value)) is value


def test_importing_the_package_loads_nothing_else():
    assert loaded_by("import NAME") == {
        NAME.rsplit(".", count)[0] for count in range(NAME.count(".") + 1)
    }


def test_verifying_a_webhook_loads_neither_the_client_nor_a_result_nor_anything_slow():
    loaded = loaded_by(
        "from NAME import verify_webhook_signature\n"
        "assert not verify_webhook_signature('{}', 't=1,v1=0', 'secret')"
    )
    ours = {name for name in loaded if name.startswith(f"{NAME}.")}
    assert {f"{NAME}.webhook"} <= ours <= {f"{NAME}.webhook", f"{NAME}.errors"}
    assert not loaded & {
        "json",
        "urllib.request",
        "ssl",
        "http.client",
        "typing",
        "dataclasses",
        "inspect",
    }


def test_constructing_a_client_loads_no_result_and_nothing_slow():
    loaded = loaded_by("from NAME import PromptJuggler\nPromptJuggler('k')")
    assert not {
        name
        for name in loaded
        if name.startswith((f"{NAME}.models.", f"{NAME}.testing"))
    }
    assert not loaded & {"logging", "dataclasses", "uuid", "inspect", "asyncio"}


def test_constructing_a_client_imports_nothing_and_opens_no_file_and_no_socket():
    imported, events = new_process(
        "import sys\n"
        "from NAME import PromptJuggler\n"
        "events = []\n"
        "before = set(sys.modules)\n"
        "sys.addaudithook(lambda event, arguments: events.append(event))\n"
        "client = PromptJuggler('k')\n"
        "seen = list(events)\n"
        "print((sorted(set(sys.modules) - before), seen))"
    )
    assert imported == []
    does_io = ("open", "os", "socket", "import", "subprocess")
    assert not [event for event in events if event.partition(".")[0] in does_io]


# The modules of the results that one of them loads.
MODULES_OF = {
    "PromptRun": {"prompt_runs", "transcripts", "usage", "enums"},
    "WorkflowRun": {"workflow_runs", "usage", "enums"},
    "CreatePromptRunResponse": {"run_prompt", "metadata"},
    "CreateWorkflowRunResponse": {"run_workflow", "metadata"},
    "StreamTokenResponse": {"streaming"},
    "KnowledgeBaseResponse": {"knowledge", "enums"},
    "PromptRunFinished": {"webhooks", "enums"},
    "PromptRevision": {"prompts", "tools", "enums"},
    "ErrorResponse": {"errors"},
    "RunStatus": {"enums"},
}
# Two ways to ask for one.
WAYS = ("from NAME import {}", "import NAME; NAME.models.{}")


@pytest.fixture(scope="module")
def loaded():
    ways = [way.format(name) for name in MODULES_OF for way in WAYS]
    return new_processes([LOADED.format(way) for way in ways])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODULES_OF)
def test_a_result_loads_no_class_that_it_has_no_use_for(name, way, loaded):
    prefix = f"{NAME}.models."
    modules = loaded[LOADED.format(way.format(name))]
    models = {module for module in modules if module.startswith(prefix)}
    assert models == {prefix + module for module in MODULES_OF[name]}


def test_the_type_hints_of_every_result_can_be_had():
    for name in promptjuggler.models.__all__:
        value = getattr(promptjuggler.models, name)
        if isinstance(value, type):
            hints = typing.get_type_hints(value)
            assert set(getattr(value, "__dataclass_fields__", ())) <= set(hints)
