"""`typing.get_type_hints` works on all that is public: what makes tools of methods, or
checks arguments by annotations, begins with it.
"""

import inspect
import typing

import pytest
from helpers.package import NAME

import promptjuggler
import promptjuggler.testing

CLASSES = {
    name: value
    for module in (promptjuggler, promptjuggler.testing)
    for name in module.__all__
    if inspect.isclass(value := getattr(module, name))
}
FUNCTIONS = {
    name: value
    for module in (promptjuggler, promptjuggler.testing)
    for name in module.__all__
    if inspect.isfunction(value := getattr(module, name))
}


def functions_of(kind):
    """The public functions of a class, and its constructor: of methods, of class
    methods, of properties. Those of the standard library are not ours to mend.
    """
    for name in dir(kind):
        if name.startswith("_") and name not in ("__init__", "__enter__", "__iter__"):
            continue
        value = inspect.getattr_static(kind, name)
        if isinstance(value, property):
            value = value.fget
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value) and value.__module__.startswith(NAME):
            yield name, value


METHODS = {
    f"{kind}.{name}": function
    for kind, value in CLASSES.items()
    for name, function in functions_of(value)
}


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_a_class_has_type_hints_that_can_be_looked_up(kind):
    fields = set(getattr(kind, "__dataclass_fields__", ()))
    assert fields <= set(typing.get_type_hints(kind))


@pytest.mark.parametrize(
    "function", [*FUNCTIONS.values(), *METHODS.values()], ids=[*FUNCTIONS, *METHODS]
)
def test_a_function_has_type_hints_that_can_be_looked_up(function):
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    annotated = {
        parameter.name
        for parameter in parameters
        if parameter.annotation is not parameter.empty
    }
    assert set(hints) == annotated | {"return"}
    assert inspect.signature(function, eval_str=True)


def test_the_hints_of_the_client_are_classes_and_not_names():
    hints = typing.get_type_hints(promptjuggler.PromptJuggler.run_prompt)
    assert hints["return"] is promptjuggler.CreatePromptRunResponse
    assert typing.get_args(hints["version"]) == (int, str)
    hints = typing.get_type_hints(promptjuggler.WaitTimeout.__init__)
    assert promptjuggler.PromptRun in typing.get_args(hints["last"])
    hints = typing.get_type_hints(promptjuggler.verify_webhook_signature)
    assert typing.get_args(hints["secret"])[1].__args__ == (str,)
