"""What can be imported from the package, and what that loads."""

import ast
import importlib
import pickle
import subprocess
import sys
import types

import pytest
from helpers.package import ENV, FOLDER, NAME

import promptjuggler

SUBMODULES = {"client", "errors", "models", "testing", "webhook"}
SOURCE = ast.parse((FOLDER / "__init__.py").read_text("utf-8"))


def new_process(code):
    """What a new process prints, read as a Python literal; NAME in its code is the name
    of the package.
    """
    command = [sys.executable, "-W", "error", "-c", code.replace("NAME", NAME)]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    return ast.literal_eval(result.stdout)


def loaded_by(code):
    """The modules that a new process loads for `code`."""
    return new_process(
        f"import sys\nbefore = set(sys.modules)\n{code}\nprint(set(sys.modules) - before or '')"
    )


def imports_for_checkers():
    """The imports of the package that only type checkers see: (module, name), with `*`
    for all names of a module.
    """
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If)]
    assert all(
        isinstance(statement, ast.ImportFrom) and statement.level == 1
        for statement in block.body
    )
    return [
        (statement.module, alias.name)
        for statement in block.body
        for alias in statement.names
    ]


def test_all_is_sorted_and_has_no_name_twice():
    assert sorted(set(promptjuggler.__all__)) == promptjuggler.__all__


def test_type_checkers_and_the_interpreter_find_the_same_names_in_the_same_modules():
    stars = [(module, "*") for module in promptjuggler._NAMES]
    submodules = [(None, name) for name in promptjuggler._SUBMODULES]
    assert sorted(imports_for_checkers(), key=str) == sorted(
        stars + submodules, key=str
    )
    assert set(promptjuggler._SUBMODULES) == SUBMODULES


@pytest.mark.parametrize("name", sorted({*promptjuggler._NAMES, "models"}))
def test_the_public_names_of_a_module_are_those_that_it_defines_itself(name):
    module = importlib.import_module(f"{NAME}.{name}")
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    }
    names = promptjuggler._NAMES.get(name, "").split()
    assert names == sorted(names)
    # What type checkers take from it. A union is of no module.
    exported = set(getattr(module, "__all__", defined - {"TYPE_CHECKING"}))
    assert exported <= set(names) <= {*vars(module)}


@pytest.mark.parametrize("name", promptjuggler.__all__)
def test_a_public_name_is_the_object_of_its_own_module(name):
    module = importlib.import_module(f"{NAME}.{promptjuggler._HOMES[name]}")
    assert getattr(promptjuggler, name) is getattr(module, name)


def test_a_name_is_looked_up_once_and_is_an_ordinary_attribute_then():
    before, after, again = new_process(
        "import NAME as p\n"
        "before = 'ApiError' in vars(p)\n"
        "error = p.ApiError\n"
        "print((before, vars(p).get('ApiError') is error, p.ApiError is error))"
    )
    assert (before, after, again) == (False, True, True)


@pytest.mark.parametrize("name", sorted(SUBMODULES))
def test_a_submodule_is_there_after_importing_the_package_alone(name):
    assert (
        new_process(f"import NAME as p; print(repr(p.{name}.__name__))")
        == f"{NAME}.{name}"
    )


def test_a_name_that_does_not_exist_is_an_attribute_error_with_the_name_in_it():
    with pytest.raises(AttributeError, match="no attribute 'RunStatu'"):
        promptjuggler.RunStatu  # noqa: B018
    with pytest.raises(ImportError, match="RunStatu"):
        from promptjuggler import RunStatu  # noqa: F401


def test_dir_lists_every_public_name_and_submodule_before_any_is_loaded():
    listed = set(new_process("import NAME as p; print(dir(p))"))
    assert {
        *promptjuggler.__all__,
        *SUBMODULES,
        "__version__",
        "__name__",
        "__doc__",
    } <= listed


def test_a_star_import_gives_exactly_the_public_names():
    names = new_process(
        "space = {}\nexec('from NAME import *', space)\nprint(sorted(space))"
    )
    assert names == sorted(["__builtins__", *promptjuggler.__all__])


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
    code = "from NAME import verify_webhook_signature\nassert not verify_webhook_signature('{}', 't=1,v1=0', 'secret')"
    loaded = loaded_by(code)
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
        if name.startswith((f"{NAME}.models", f"{NAME}.testing"))
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
