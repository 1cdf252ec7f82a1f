"""Reads an upload's form while it arrives: the file goes to its place piece by piece, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from brickyard.files.recordings import Arrived, Receiver
from brickyard.kit.errors import BadInput, TooLarge

FILE = "file"
FIELD_BYTES = 64 << 10
FIELDS = 50


@dataclass(frozen=True, slots=True)
class Upload:
    """`name`: what the sender calls the file."""

    fields: dict[str, str]
    name: str
    arrived: Arrived


async def receive(request: Request, receiver: Receiver, check: Callable[[dict[str, str]], None]) -> Upload:
    """The form of a request. `check` sees the fields before the file, so that a wrong one is told of at once.

    Raises BadInput, TooLarge, and what `check` raises; then, and where the sender goes away, nothing is left.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadInput("Send the recording as multipart/form-data, in the field 'file'.")
    form = _Form(receiver, check)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for piece in request.stream():
            if piece:
                await run_in_threadpool(parser.write, piece)
        parser.finalize()
        if form.file_name is None or not form.has_ended:
            raise BadInput("The form has no file, or ends before it does. Send the recording in the field 'file'.")
        return Upload(form.fields, form.file_name, await run_in_threadpool(receiver.finish))
    except MultipartParseError as error:
        receiver.abort()
        raise BadInput(f"The form is damaged: {error}.") from error
    except BaseException:
        receiver.abort()
        raise


@dataclass
class _Form:
    """What was read so far, and the part that is being read."""

    receiver: Receiver
    check: Callable[[dict[str, str]], None]
    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    has_ended: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _name: str = ""
    _is_file: bool = False
    _data: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> Any:
        """By the names that the parser knows them by."""
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end")
        return {f"on_{name}": getattr(self, name) for name in (*names, "headers_finished", "end")}

    def part_begin(self) -> None:
        self._disposition = b""
        self._data.clear()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b""))
        self._is_file = b"filename" in options
        if self._is_file:
            self._begin_file(_text(options[b"filename"]))
        elif not self._name or len(self.fields) >= FIELDS:
            raise BadInput(f"Each field of the form needs a name, and there may be {FIELDS} of them.")

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.receiver.write(data[start:end])
            return
        self._data += data[start:end]
        if len(self._data) > FIELD_BYTES:
            raise TooLarge(f"The field '{self._name}' has more than {FIELD_BYTES:,} bytes. Only 'file' may be larger.")

    def part_end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = _text(bytes(self._data))

    def end(self) -> None:
        self.has_ended = True

    def _begin_file(self, file_name: str) -> None:
        if self._name != FILE or self.file_name is not None:
            raise BadInput("Send one recording at a time, in the field 'file'.")
        self.check(self.fields)
        self.file_name = file_name


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
