"""The recipes, in the order in which they are asked; `python -m janitor.services.repair.recipes.table` prints them."""

from __future__ import annotations

from janitor.services.repair.recipes.base_tag import BaseTag
from janitor.services.repair.recipes.copy_source import CopySource
from janitor.services.repair.recipes.cudnn import Cudnn
from janitor.services.repair.recipes.documents import Documents
from janitor.services.repair.recipes.missing_module import MissingModule
from janitor.services.repair.recipes.put_back import PutBack
from janitor.services.repair.recipes.recipe import Recipe
from janitor.services.repair.recipes.relax import Relax
from janitor.services.repair.recipes.uv_path import UvPath

RECIPES: tuple[Recipe, ...] = (
    Documents(),
    CopySource(),
    UvPath(),
    BaseTag(),
    Cudnn(),
    Relax(),
    MissingModule(),
    PutBack(),
)


def table() -> list[str]:
    """The recipes as a table in Markdown."""
    rows = [f"| `{recipe.name}` | {recipe.repairs} | {recipe.how} |" for recipe in RECIPES]
    return ["| recipe | repairs | by |", "|---|---|---|", *rows]


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201  # a program of its own, whose output is the table
