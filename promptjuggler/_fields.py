"""What dataclasses say of their fields: the annotations, and how one is set. Pure."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from functools import reduce
from types import MemberDescriptorType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

SetFunction = Callable[[object, object], None]
"""Sets a field of an instance."""


def annotations_of(model: type) -> dict[str, Any]:
    """The annotation of each field.

    Those of our models are objects: their modules do without `from __future__
    import annotations`. Those of a user's subclass may be texts.
    """
    annotations = {field.name: field.type for field in dataclasses.fields(model)}
    if any(isinstance(annotation, str) for annotation in annotations.values()):
        try:
            annotations |= get_type_hints(model)
        except NameError:
            pass  # The texts are left, for which any value is right.
    return annotations


def is_model(annotation: object) -> bool:
    """Whether it is the class of an object that has fields."""
    # list[int] says of itself that it is a class, on Python 3.10.
    is_class = isinstance(annotation, type) and get_origin(annotation) is None
    return is_class and dataclasses.is_dataclass(annotation)


def is_union_of_models(members: tuple[Any, ...]) -> bool:
    """Whether all members of a union are models that have a `type`."""
    return all(
        is_model(member) and "type" in member.__dataclass_fields__ for member in members
    )


def without_none(annotation: Any) -> Any:
    """`X` of `X | None`, and any other annotation as it is."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    members = get_args(annotation)
    return reduce(operator.or_, (item for item in members if item is not NoneType))


def setter_of(model: type, name: str) -> SetFunction:
    """The function that sets a field, although the class is frozen."""
    # To call the descriptors of slots, and not the class, takes a third off
    # the time of a long run.
    slot = getattr(model, name, None)
    if isinstance(slot, MemberDescriptorType):
        return slot.__set__

    # A subclass of a user need not have slots.
    def set_value(instance: object, value: object) -> None:
        object.__setattr__(instance, name, value)

    return set_value
