from __future__ import annotations

import pytest

from brickyard.text.documents import Kind, html_texts, html_with, texts_of, with_texts

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>My page</title><style>p { color: red }</style>
<script>if (a < b) document.write("<p>no</p>")</script></head>
<body title="kept > as it is"><!-- <p>not this</p> -->
<h1>Good
   morning</h1><p>Salt &amp; pepper for <b>everyone</b>: 12</p>
<pre>x = 1  <i>still code</i></pre><p>Run <code>ls -l</code> now</p><br/>
</body></html>
"""


def test_only_what_people_read() -> None:
    assert texts_of(Kind.html, PAGE.encode()) == [
        "My page",
        "Good morning",
        "Salt & pepper for",
        "everyone",
        "Run",
        "now",
    ]


def test_tags_stay_to_the_letter() -> None:
    new = with_texts(Kind.html, PAGE.encode(), ["P", "<script>alert(1)</script>", "A & b", "all", "R", "n"]).decode()
    expected = PAGE.replace("My page", "P").replace("Good\n   morning", "&lt;script&gt;alert(1)&lt;/script&gt;")
    expected = expected.replace("Salt &amp; pepper for", "A &amp; b").replace("everyone", "all")
    assert new == expected.replace("Run ", "R ").replace(" now", " n")


def test_a_piece_of_html() -> None:
    assert html_texts("Hello <b>you</b>") == ["Hello", "you"]
    assert html_with("Hello <b>you</b>", ["Hola", "tú"]) == "Hola <b>tú</b>"


@pytest.mark.parametrize(
    "source", ["<p>a</p><!-- never closed <p>b</p>", "<p>a</p><script>b", "<p>a</p><a href='b>", "<p>a</p><pre>b"]
)
def test_what_is_never_closed_takes_the_rest(source: str) -> None:
    assert html_texts(source) == ["a"]


@pytest.mark.parametrize("piece", ["<", "<a ", "<a '", "<pre>", "</pre>", "<!--", "<script>", "</", "<b>a", "&", "<?"])
def test_hostile_pages_are_read_in_one_go(piece: str) -> None:
    """What goes over such a page more than a few times would not come to an end here."""
    page = piece * (300_000 // len(piece))
    assert html_with(page, html_texts(page)) == page


def test_entities_are_not_expanded() -> None:
    page = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><p>one &b; two</p>'
    assert html_with(page, html_texts(page)) == page
    assert "root:" not in "".join(html_texts(page))
