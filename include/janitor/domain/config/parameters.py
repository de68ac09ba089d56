"""The config's keys of a repository that travel to the instance as they are: made of their declaration.

`janitor.protocol.order.repository` declares each with type, bounds, default and description; here it becomes a field of
the config's model. What an author is told beyond that stands in `fields.AUTHOR_CHECKS`, by the parameter's name.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field, create_model

from janitor.domain.config.fields import AUTHOR_CHECKS, VariableName
from janitor.protocol.codec import Field as Declared
from janitor.protocol.codec import fields_of
from janitor.protocol.order.repository import VARIABLE_PATTERN, RepositorySpec
from janitor.protocol.values import Kind, Most, Place, Range, Text, read_value

IDENTITY: Final = ("name", "organization", "url")
"""Of the declared fields those that the config resolves itself."""
PARAMETERS: Final[Mapping[str, Declared]] = {
    each.name: each for each in fields_of(RepositorySpec) if each.name not in IDENTITY
}


def parameters_model(base: type[BaseModel]) -> Any:
    """A model with a field for each parameter.

    Args:
        base: Says how strict it is.
    """
    chosen: Any = {name: (_type_of(each.kind, name), Field(default=each.default)) for name, each in PARAMETERS.items()}
    return create_model("RepositoryParameters", __base__=base, **chosen)


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a model with parameters, with their descriptions: the docstrings of their declaration."""
    body = ast.parse(inspect.getsource(RepositorySpec)).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = ast.unparse(field.target)
            if name in PARAMETERS:
                schema["properties"][name]["description"] = str(text.value.value)
    return schema


def _type_of(kind: Kind, name: str) -> Any:
    bare = _bare_type(kind, AUTHOR_CHECKS.get(name))
    return bare | None if kind.nullable else bare


def _bare_type(kind: Kind, check: Callable[[str], str] | None) -> Any:
    base, bounds = kind.base, kind.bounds
    if base is str:
        checks = [AfterValidator(each) for each in (check, _bounds_check(kind)) if each is not None]
        least: Any = {} if bounds.empty else {"minLength": 1}
        return _annotated(str, *checks, Field(json_schema_extra={**least, "maxLength": bounds.longest}))
    if isinstance(bounds, Range):
        least = {"gt" if bounds.above else "ge": bounds.least}
        return _annotated(base, Field(**least, le=bounds.most, allow_inf_nan=False))
    if isinstance(bounds, Most):
        entry = _bare_type(kind.inner[0], check)
        if base is tuple:
            return _annotated(tuple.__class_getitem__((entry, ...)), Field(strict=False, max_length=bounds.entries))
        key: Any = VariableName
        if bounds.key_pattern != VARIABLE_PATTERN:
            key = _bare_type(Kind(str, Text(bounds.longest_key, bounds.key_pattern)), None)
        return _annotated(dict.__class_getitem__((key, entry)), Field(max_length=bounds.entries))
    if base is bool:
        return bool
    if isinstance(base, type) and issubclass(base, Enum):
        return _annotated(base, Field(strict=False))
    raise TypeError(f"no parameter of a repository can be {base}")


def _annotated(*parts: Any) -> Any:
    """`Annotated` of a type that is known when the program runs."""
    alias: Any = Annotated
    return alias[parts]


class _Here(Place):
    """A value whose place the config's own findings name."""

    def problem(self, text: str) -> Exception:
        return ValueError(text)


def _bounds_check(kind: Kind) -> Callable[[str], str]:
    def check(value: str) -> str:
        text: str = read_value(kind, value, _Here("", ValueError))
        return text

    return check
