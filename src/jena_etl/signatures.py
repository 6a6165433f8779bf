"""Methods that pass all their arguments on to another one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def takes_arguments_of(
    other: Callable[Arguments, Any],
) -> Callable[[Callable[..., Result]], Callable[Arguments, Result]]:
    """Give a method the signature of `other`, for type checkers and for `help()`."""

    def declare(method: Callable[..., Result]) -> Callable[Arguments, Result]:
        result = inspect.signature(method).return_annotation
        signature = inspect.signature(other).replace(return_annotation=result)
        method.__signature__ = signature  # type: ignore[attr-defined]
        return method

    return declare
