"""Apertium: translation by rules and dictionaries, on the CPU, for the gist. One chain of programs for each pair.

A chain is what the pair's `.mode` file says, with `-z` added to every program: each answers as soon as it reads a NUL,
so the chain stays and texts flow through it. (`apertium -z` itself swallows the NULs.) Apertium is GPL and runs as
separate programs. Debian's packages are called apertium-eng-spa and alike.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from brickyard.engines.base import MemoryUse
from brickyard.kit.errors import Unavailable, Unsupported

APERTIUM = "apertium"
MODES_DIR = Path("/usr/share/apertium/modes")
LIMIT_S = 30.0
MOST_CHAINS = 4
"""Kept at a time: a chain is about ten programs, which hold some 140 MiB together."""

_END = "[][\n]\x00"
"""After a word, some programs wait for what follows it; a blank without a word does."""
_RESERVED = "\\[]{}^$/@<>~"
"""These divide words and readings from each other inside a chain. Some programs hang at one that is escaped, as it
should be, so others stand in for them on the way."""
# Apertium has no use for these, and private letters mark joins inside it.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\uf8ff\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BLANKS = re.compile(r"\[[^\]]*\]")
_SPACES = re.compile(" {2,}")
_MODE = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")
_CODES = {
    "afr": "af", "arg": "an", "bel": "be", "bul": "bg", "cat": "ca", "cym": "cy", "dan": "da", "deu": "de", "eng": "en",
    "epo": "eo", "eus": "eu", "fra": "fr", "glg": "gl", "hbs": "sh", "hin": "hi", "ind": "id", "isl": "is", "ita": "it",
    "kaz": "kk", "mkd": "mk", "mlt": "mt", "msa": "ms", "nld": "nl", "nno": "nn", "nob": "nb", "oci": "oc", "pol": "pl",
    "por": "pt", "ron": "ro", "rus": "ru", "slv": "sl", "spa": "es", "swe": "sv", "tat": "tt", "ukr": "uk", "urd": "ur",
}  # fmt: skip
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
_READ_BYTES = 1 << 16


class Apertium:
    """Several threads may call it; those that want the same pair take turns."""

    name = APERTIUM
    parallel = True
    batches: tuple[int, ...] = (1,)
    frees_memory = True
    draft = True

    def __init__(self, modes_dir: Path = MODES_DIR, limit_s: float = LIMIT_S, most_chains: int = MOST_CHAINS) -> None:
        """`limit_s`: a chain that neither takes nor gives anything for so long is ended, and started again.
        `most_chains`: beyond these, the one that was not used for longest is ended, unless it works just now."""
        self._chains = {pair: _Chain(pair, stages(mode), limit_s) for pair, mode in installed_modes(modes_dir).items()}
        self.pairs = frozenset(self._chains)
        self._most_chains = most_chains
        self._recent: dict[tuple[str, str], None] = {}
        self._recent_lock = threading.Lock()

    def translate(self, texts: Sequence[str], source: str, target: str, batch: int = 1) -> list[str]:
        """Words that it does not know stay as they are. Raises Unavailable where a text makes the programs fail."""
        chain = self._chains.get((source, target))
        if chain is None:
            offered = ", ".join(sorted(f"{one}→{other}" for one, other in self.pairs)) or "none"
            raise Unsupported(f"Apertium has no pair {source}→{target} here; installed: {offered}.")
        asked = [number for number, text in enumerate(texts) if _cleaned(text).strip()]
        self._make_room((source, target))
        answers = dict(zip(asked, chain.translate([texts[number] for number in asked]), strict=True))
        return [answers.get(number, text) for number, text in enumerate(texts)]

    def drop_caches(self) -> None:
        """Ends the chains that nobody uses; the next text starts its own again."""
        for chain in self._chains.values():
            chain.end_if_idle()

    def memory(self) -> MemoryUse | None:
        """The memory is that of other processes."""
        return None

    def close(self) -> None:
        for chain in self._chains.values():
            chain.close()

    def _make_room(self, pair: tuple[str, str]) -> None:
        with self._recent_lock:
            self._recent.pop(pair, None)
            self._recent[pair] = None
            for other in list(self._recent)[: -self._most_chains]:
                if self._chains[other].end_if_idle():
                    del self._recent[other]


def installed_modes(modes_dir: Path = MODES_DIR) -> Mapping[tuple[str, str], Path]:
    """The pairs whose data are here, in ISO 639-1, each with its mode file; regional variants are left out."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(modes_dir.glob("*.mode")) if modes_dir.is_dir() else ():
        match = _MODE.fullmatch(path.stem)
        codes = [code if len(code) == 2 else _CODES.get(code) for code in match.groups()] if match else [None]
        if match and all(codes):
            found[str(codes[0]), str(codes[1])] = path
    return MappingProxyType(found)


def stages(mode: Path) -> list[list[str]]:
    """The programs of a mode file and their arguments; `$1`, how to write unknown words, becomes "without a mark"."""
    lexer = shlex.shlex(mode.read_text("utf-8"), posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for token in lexer:
        if token == "|":
            found.append([])
        elif token != "$2":
            found[-1].append("-n" if token == "$1" else token)
    return [[program, "-z", *arguments] for program, *arguments in filter(None, found)]


class _Chain:
    """The running programs of one pair, started when they are needed."""

    def __init__(self, pair: tuple[str, str], stages: list[list[str]], limit_s: float) -> None:
        self._name = "→".join(pair)
        self._stages = stages
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._programs: list[subprocess.Popen[bytes]] = []

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Where the programs fail, texts are tried again one by one, so that one bad text spoils no other."""
        with self._lock:
            try:
                return self._through(texts)
            except _Broken:
                return [self._alone(text) for text in texts]

    def end_if_idle(self) -> bool:
        """Whether it has ended."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._end()
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        with self._lock:
            self._end()

    def _alone(self, text: str) -> str:
        try:
            return self._through([text])[0]
        except _Broken as error:
            raise Unavailable(
                f"Apertium's programs for {self._name} failed at a text of {len(text)} letters ({error}). "
                "Leave that text out, or try another engine."
            ) from error

    def _through(self, texts: Sequence[str]) -> list[str]:
        if any(program.poll() is not None for program in self._programs):
            self._end()
        if not self._programs:
            self._start()
        signs = [_stand_ins(text) for text in texts]
        requests = [_cleaned(text).translate(sign) for text, sign in zip(texts, signs, strict=True)]
        try:
            answers = self._exchange([(request + _END).encode() for request in requests])
        except BaseException:
            self._end(at_once=True)  # what is still in the pipes belongs to nobody
            raise
        return [_in_place(*each) for each in zip(texts, answers, signs, strict=True)]

    def _start(self) -> None:
        before: int | None = None
        for stage in self._stages:
            try:
                program = subprocess.Popen(
                    stage,
                    stdin=subprocess.PIPE if before is None else before,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    env=_ENVIRONMENT,
                    cwd="/",
                )
            except OSError as error:
                self._end(at_once=True)
                raise Unsupported(
                    f"Apertium's {stage[0]} cannot be started ({error}). Install apertium again."
                ) from error
            # Only the next program may hold the end that it reads from, or nobody would see a program end.
            if self._programs and (stdout := self._programs[-1].stdout):
                stdout.close()
            self._programs.append(program)
            before = program.stdout.fileno() if program.stdout else None
        if self._programs[0].stdin:
            os.set_blocking(self._programs[0].stdin.fileno(), False)

    def _exchange(self, requests: Sequence[bytes]) -> list[bytes]:
        """One answer for each request. Writes and reads at the same time, since a full pipe would stop both."""
        stdin, stdout = self._programs[0].stdin, self._programs[-1].stdout
        assert stdin
        assert stdout
        unsent, answer = memoryview(b"".join(requests)), bytearray()
        ended = 0
        give_up = time.monotonic() + self._limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stdin, selectors.EVENT_WRITE)
            while ended < len(requests):
                for key, _ in selector.select(max(0.0, give_up - time.monotonic())):
                    if key.fileobj is stdout:
                        piece = os.read(stdout.fileno(), _READ_BYTES)
                        if not piece:
                            raise _Broken("a program ended")
                        answer += piece
                        ended += piece.count(b"\x00")
                        give_up = time.monotonic() + self._limit_s
                    else:
                        unsent = unsent[_written(stdin.fileno(), unsent) :]
                        give_up = time.monotonic() + self._limit_s
                        if not unsent:
                            selector.unregister(stdin)
                if time.monotonic() >= give_up:
                    raise _Broken(f"no answer for {self._limit_s:g} s")
        return bytes(answer).split(b"\x00")[: len(requests)]

    def _end(self, *, at_once: bool = False) -> None:
        programs, self._programs = self._programs, []
        for program in programs:
            if program.stdin:
                program.stdin.close()
            if program.stdout:
                program.stdout.close()
            if at_once:
                program.kill()
        for program in programs:
            try:
                program.wait(1.0)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


class _Broken(Exception):
    """The programs of a chain have ended, or hang."""


def _written(pipe: int, data: memoryview) -> int:
    try:
        return os.write(pipe, data)
    except BrokenPipeError:
        raise _Broken("a program ended") from None


def _stand_ins(text: str) -> dict[int, int]:
    """For each reserved letter, a Braille sign that is not in the text."""
    free = (sign for sign in range(0x2801, 0x2900) if chr(sign) not in text)
    return dict(zip(map(ord, _RESERVED), free, strict=False))


def _cleaned(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)


def _in_place(text: str, answer: bytes, signs: Mapping[int, int]) -> str:
    """The answer between the spaces that the text stands in; where a pronoun falls away, Apertium leaves its space."""
    inner = text.strip()
    start = text.index(inner)
    found = _BLANKS.sub("", answer.decode()).translate({sign: letter for letter, sign in signs.items()})
    if "  " not in inner:
        found = _SPACES.sub(" ", found)
    return text[:start] + (found.strip() or inner) + text[start + len(inner) :]
