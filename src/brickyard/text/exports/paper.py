"""A sheet as a PDF, set by Typst with fonts of this machine; without any, with those that come inside its wheel.

The latter have Latin, Greek and Cyrillic. Chinese, Japanese, Korean, Arabic, Hebrew and others need a font of the
system (Debian: fonts-noto-core, fonts-noto-cjk); where a letter has none, a box stands for it and the document says so.
What was said is data to the template and never its code.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import typst

from brickyard.text.exports.sheet import NOTHING_SAID, Paragraph, Sheet, runs_right_to_left

NO_GLYPH = "Some characters of this text are in no font of the server and are shown as boxes."
ARCHIVABLE: typst.PDFStandard = "a-2b"
"""It asks for a glyph for every letter, so it is also how we learn that one is missing."""

TEMPLATE = r"""
#let d = json(bytes(sys.inputs.sheet))
#let way(rtl) = if rtl { std.rtl } else { std.ltr }
#let grey = luma(35%)
#set document(title: d.title)
#set page(
  paper: "a4",
  margin: (x: 22mm, top: 20mm, bottom: 22mm),
  footer: context [
    #set text(size: 8pt, fill: grey)
    #grid(columns: (1fr, auto), column-gutter: 1em, d.footer, counter(page).display("1 / 1", both: true))
  ],
)
#set text(font: ("Noto Sans", "DejaVu Sans", "Libertinus Serif"), size: 10pt, lang: d.language)
#set par(leading: 0.62em, justify: false)
#show heading: set block(above: 1.4em, below: 0.8em)
#block(text(size: 18pt, weight: "bold", dir: way(d.rtl), d.title))
#for (label, value) in d.facts [ #text(fill: grey)[#label:] #value \ ]
#heading(level: 1, d.kind)
#for p in d.paragraphs {
  set text(dir: way(p.rtl))
  if p.heading { heading(level: 2, p.text) } else {
    block(above: 1em, below: 0.6em, {
      if p.speaker != "" or p.times != "" {
        block(sticky: true, below: 0.5em, {
          if p.speaker != "" { strong(p.speaker); h(0.7em) }
          text(size: 8pt, fill: grey, p.times)
        })
      }
      p.text
    })
  }
}
#for note in d.notes { block(above: 1em, text(style: "italic", fill: grey, note)) }
"""


def pdf(sheet: Sheet) -> bytes:
    """PDF/A-2b, for archives, wherever every letter has a font."""
    try:
        return _set(sheet, ARCHIVABLE)
    except typst.TypstError:
        return _set(replace(sheet, notes=[*sheet.notes, NO_GLYPH]), None)


def _set(sheet: Sheet, standard: typst.PDFStandard | None) -> bytes:
    inputs = {"sheet": json.dumps(_data(sheet))}
    standards = [] if standard is None else [standard]
    compiled = typst.compile(TEMPLATE.encode(), font_paths=_fonts(), sys_inputs=inputs, pdf_standards=standards)
    assert isinstance(compiled, bytes)
    return compiled


def _data(sheet: Sheet) -> dict[str, object]:
    return {
        "title": sheet.title,
        "footer": sheet.title if len(sheet.title) <= 80 else f"{sheet.title[:79]}…",
        "rtl": runs_right_to_left(sheet.title),
        "kind": sheet.kind,
        "language": sheet.language if sheet.language.isascii() and 2 <= len(sheet.language) <= 3 else "en",
        "facts": list(sheet.facts),
        "paragraphs": [
            {
                "text": each.text,
                "speaker": each.speaker,
                "times": each.times,
                "heading": each.is_heading,
                "rtl": each.is_rtl,
            }
            for each in sheet.paragraphs or [Paragraph(NOTHING_SAID)]
        ],
        "notes": list(sheet.notes),
    }


@cache
def _fonts() -> typst.Fonts:
    """Looked for once: a system may have thousands."""
    return typst.Fonts()
