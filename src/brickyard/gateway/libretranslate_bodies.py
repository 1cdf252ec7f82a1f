"""What requests of LibreTranslate's API say, as JSON or as a form."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from brickyard.gateway.passing import body_of
from brickyard.kit.errors import BadInput, TooLarge

LARGEST_BODY_MIB = 4
MOST_TEXTS = 1000

Code = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2,8})?$|^auto$")]


class Translating(BaseModel):
    q: str | Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]
    source: Code = "auto"
    target: Code
    format: Literal["text", "html"] = "text"
    alternatives: int = 0
    api_key: str = ""


class Detecting(BaseModel):
    q: str
    api_key: str = ""


B = TypeVar("B", bound=BaseModel)


async def given(request: Request, kind: type[B]) -> B:
    """Raises BadInput, TooLarge."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST_BODY_MIB << 20:
        raise TooLarge(f"The request has more than {LARGEST_BODY_MIB} MiB, the most that a text may have.")
    try:
        return kind.model_validate(await _fields(request))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{first['loc'][0] if first['loc'] else 'The request'}: {first['msg']}.") from error


async def _fields(request: Request) -> dict[str, Any]:
    """A field that a form has several times is a list."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        form = await request.form(max_files=0)
        found: dict[str, list[Any]] = {}
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                found.setdefault(name, []).append(value)
        return {name: own[0] if len(own) == 1 else own for name, own in found.items()}
    raw = await body_of(request)
    if media_type == "application/json":
        return _parsed(raw)
    try:
        fields = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=MOST_TEXTS + 10)
    except ValueError as error:
        raise BadInput("The request is neither JSON nor a form. Name its kind in the header content-type.") from error
    return {name: own[0] if len(own) == 1 else own for name, own in fields.items()}


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput('The request is no JSON. Send an object such as {"q": "…", "target": "es"}.') from error
    if not isinstance(found, dict):
        raise BadInput('The request has to be an object, such as {"q": "…", "target": "es"}.')
    return {name: value for name, value in found.items() if value is not None}
