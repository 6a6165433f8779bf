"""The architectures: one file each, named as in params.yaml, imported when asked for.

To add one: a file here with a class `Model(Architecture)`, a block under `models` in
params.yaml, and its name in `architectures`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from jena_etl.errors import ParamsError
from jena_etl.models.architecture import Architecture
from jena_etl.params import Params, check
from jena_etl.text import nearest

__all__ = ["Architecture", "configure", "configure_all", "names"]


def names() -> list[str]:
    """The architectures there are: the files of this folder."""
    return [module.name for module in iter_modules(__path__) if module.name != "architecture"]


def configure(name: str, block: object) -> Architecture:
    """The architecture `name`, checked and set up by its block of params.yaml.

    Raises:
        ParamsError: no such architecture, or a key or value that is not allowed.
    """
    if name not in names():
        raise ParamsError(
            f"params.yaml: models.{name}: no architecture of that name" + nearest(name, names())
        )
    model: type[Architecture] = import_module(f"{__name__}.{name}").Model
    return check(model, block, f"models.{name}")


def configure_all(params: Params) -> dict[str, Architecture]:
    """Every architecture that has a block in params.yaml, whether it is to be trained or not.

    Raises:
        ParamsError: the first block that is wrong.
    """
    return {name: configure(name, block) for name, block in params.models.items()}
