"""Checks of what files hold, by pydantic: types, bounds of numbers, depth."""

from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from prefgym.common.errors import DamageError

LARGEST = 1e100
"""Largest number that is shown or summed up: squares and sums of these are finite."""

Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, AfterValidator(lambda name: _inside(name))]
"""Path of a file in a folder, relative to it."""

Plain = Annotated[object, AfterValidator(lambda value: _plain(value))]
"""What JSON holds, nested 50 deep at most."""
PlainDict = Annotated[dict[str, Any], AfterValidator(lambda value: _plain(value))]
"""A mapping of such values."""
PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(PlainDict)
Checked = TypeVar("Checked")


class FileModel(BaseModel):
    """The content of a file; names that this version does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def checked(schema: type[Checked] | TypeAdapter[Checked], content: object, file: Path) -> Checked:
    """Return the content of a file as its schema says.

    Raises:
        DamageError: If it is not of the schema.
    """
    try:
        return (schema if isinstance(schema, TypeAdapter) else TypeAdapter(schema)).validate_python(content)
    except ValidationError as error:
        raise DamageError(f"{file} is damaged: {in_words(error)}.") from None


def in_words(error: ValidationError) -> str:
    """Put the first of the errors into words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"] if not str(step).startswith(("function-", "lax-", "list[")))
    what = first["msg"].removeprefix("Value error, ")
    if first["msg"] == what:  # a sentence of pydantic's
        what = f"{what[:1].lower()}{what[1:]}"
    return f"{where[:80]}: {what}" if where else what


def _inside(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        raise ValueError(f"{name!r} is not the name of a file in this folder")
    return name


def _plain(value: object, deepest: int = 50) -> Any:  # noqa: ANN401
    if deepest == 0:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in cast("dict[object, object]", value)):
            raise ValueError("names must be text")
        for inner in cast("dict[str, object]", value).values():
            _plain(inner, deepest - 1)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            _plain(inner, deepest - 1)
    elif isinstance(value, int) and abs(value) > 1e300:
        raise ValueError("a number has too many digits")
    elif value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"{type(value).__name__} is no type of JSON")
    return cast(Any, value)
