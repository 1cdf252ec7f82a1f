from __future__ import annotations

from pathlib import Path

import pytest

from brickyard.gateway.shelf import KEPT_FOR_S, Shelf
from brickyard.kit.errors import NotFound
from brickyard.text.documents import Kind


def test_who_knows_the_name_gets_the_document_and_the_disk_tells_nobody(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    names = [shelf.put(Kind.txt, text) for text in (b"one secret", b"another")]
    assert shelf.fetch(names[0]) == (Kind.txt, b"one secret")
    assert shelf.fetch(names[1]) == (Kind.txt, b"another")
    kept = list((tmp_path / "shelf").iterdir())
    assert len(kept) == 2
    for path in kept:
        assert b"secret" not in path.read_bytes()
        assert not {path.name, path.stem} & set(names)


@pytest.mark.parametrize("name", ["", "nothing.txt", "../secret.txt", "a" * 32 + ".txt", "é" * 32 + ".txt"])
def test_other_names_are_not_found(tmp_path: Path, name: str) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.put(Kind.txt, b"one")
    with pytest.raises(NotFound, match="hour"):
        shelf.fetch(name)


def test_documents_are_gone_after_an_hour(tmp_path: Path) -> None:
    name = Shelf(tmp_path).put(Kind.txt, b"one")
    before, after = (tmp_path.stat().st_mtime + KEPT_FOR_S + seconds for seconds in (-60, 60))
    assert Shelf(tmp_path, lambda: before).fetch(name) == (Kind.txt, b"one")
    with pytest.raises(NotFound):
        Shelf(tmp_path, lambda: after).fetch(name)
    assert list(tmp_path.iterdir()) == []
