"""Kinds of values that settings of several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

NAME = r"^[^/\\#?%:]{1,128}$"  # W&B takes no others

Place = Annotated[Path, BeforeValidator(lambda path: path or None), Field(description="a path")]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# A folder or a file, or a word that stands for data of the package; its name is kept as it was typed.
Source = Annotated[str, Field(min_length=1, description="a path", json_schema_extra={"format": "path"})]
# Of W&B, whose names these are.
Name = Annotated[
    str, Field(pattern=NAME, description="a name without / \\ # ? % : (figures alone take quotes: '\"7\"')")
]


def nanometres(value: Any) -> Any:
    """One thickness, or a list, as a tuple."""
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(several) if several else None


Thickness = Annotated[
    tuple[Positive, ...], BeforeValidator(nanometres), Field(description="a number of nm or a list of them")
]
