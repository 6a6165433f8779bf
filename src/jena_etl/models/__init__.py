"""The architectures: one file for each, named as in params.yaml and imported only when needed.

To add one, write a file here with a class `Model(NeuralNetwork)`, then add a block under `models`
in params.yaml and the name to `architectures`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from jena_etl.errors import ParamsError
from jena_etl.models.architecture import Architecture, FittedAtOnce, NeuralNetwork
from jena_etl.params import Params
from jena_etl.params_check import check
from jena_etl.text import nearest

__all__ = ["Architecture", "FittedAtOnce", "NeuralNetwork", "configure", "configure_all", "names"]


def names() -> list[str]:
    """The available architectures: the files in this folder."""
    return [module.name for module in iter_modules(__path__) if module.name != "architecture"]


def configure(name: str, block: object) -> FittedAtOnce | NeuralNetwork:
    """The architecture `name`, set up from its block of params.yaml after checking it.

    Raises:
        ParamsError: there is no such architecture, or a key or value is not allowed.
    """
    if name not in names():
        raise ParamsError(
            f"params.yaml: models.{name}: there is no architecture of that name"
            + nearest(name, names())
        )
    model: type[FittedAtOnce | NeuralNetwork] = import_module(f"{__name__}.{name}").Model
    return check(model, block, f"models.{name}")


def configure_all(params: Params) -> dict[str, FittedAtOnce | NeuralNetwork]:
    """Every architecture with a block in params.yaml, whether or not it is listed to be trained.

    Raises:
        ParamsError: a block is wrong; the message names the first one.
    """
    return {name: configure(name, block) for name, block in params.models.items()}
