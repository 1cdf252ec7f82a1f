"""Pages and a video with known texts, drawn here: nothing of them comes from a model's training data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
NOTO = Path("/usr/share/fonts/truetype/noto")
PAGE = (1240, 1754)
"""A4 at 150 dots an inch."""
SIZE = (1280, 720)
FPS = 25
MOVE_PX = 4

LATIN_FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "NotoSans-Regular", "NotoSerif-Regular")
TEXTS = {
    "en": """The harbour office opens at half past seven. Boats longer than 24 metres need a permit from the
pilot station; the fee is 185.50 for each day. Goods that arrive after 18:00 are kept in shed number 4
until the next morning. Please keep your receipt: without it, nothing can be handed out. In winter the
northern quay is closed because of ice, and visitors are asked to use the ferry at the old mill.""",
    "de": """Der Hafenmeister öffnet um halb acht. Boote über 24 Meter brauchen eine Genehmigung; die Gebühr
beträgt 185,50 Euro für jeden Tag. Waren, die nach 18:00 Uhr eintreffen, bleiben bis zum nächsten Morgen
im Schuppen Nummer 4. Bitte heben Sie die Quittung auf: ohne sie wird nichts ausgegeben. Im Winter ist
der nördliche Kai wegen des Eises gesperrt, größere Schiffe müssen außen warten.""",
    "fr": """Le bureau du port ouvre à sept heures et demie. Les bateaux de plus de 24 mètres ont besoin
d'un permis ; la redevance s'élève à 185,50 par journée. Les marchandises arrivées après 18:00 restent
dans le hangar numéro 4 jusqu'au lendemain matin. Gardez bien votre reçu : sans lui, rien ne peut être
remis. En hiver, le quai du nord est fermé à cause de la glace.""",
    "es": """La oficina del puerto abre a las siete y media. Los barcos de más de 24 metros necesitan un
permiso; la tasa es de 185,50 por día. Las mercancías que llegan después de las 18:00 se guardan en el
almacén número 4 hasta la mañana siguiente. Conserve su recibo: sin él no se entrega nada. En invierno
el muelle del norte está cerrado a causa del hielo.""",
    "ru": """Портовая контора открывается в половине восьмого. Судам длиннее 24 метров нужно разрешение;
плата составляет 185 рублей за каждый день. Грузы, прибывшие после 18:00, хранятся на складе номер 4
до следующего утра. Сохраните квитанцию: без неё ничего не выдадут. Зимой северный причал закрыт.""",
    "el": """Το γραφείο του λιμανιού ανοίγει στις επτά και μισή. Τα πλοία άνω των 24 μέτρων χρειάζονται
άδεια· το τέλος είναι 185 ευρώ για κάθε ημέρα. Τα εμπορεύματα που φτάνουν μετά τις 18:00 μένουν στην
αποθήκη μέχρι το επόμενο πρωί. Κρατήστε την απόδειξη. Τον χειμώνα η βόρεια προβλήτα είναι κλειστή.""",
    "ar": """يفتح مكتب الميناء في السابعة والنصف صباحا. تحتاج السفن الكبيرة إلى تصريح من محطة الإرشاد
وتدفع رسوما عن كل يوم. تبقى البضائع التي تصل بعد المساء في المخزن حتى صباح اليوم التالي
يرجى الاحتفاظ بالإيصال لأن شيئا لا يسلم من دونه. في الشتاء يغلق الرصيف الشمالي بسبب الجليد""",
}
FONTS = {
    "ru": ("DejaVuSans", "NotoSerif-Regular"),
    "el": ("DejaVuSerif", "NotoSans-Regular"),
    "ar": ("NotoNaskhArabic-Regular", "NotoKufiArabic-Regular"),
}


@dataclass(frozen=True)
class PageTruth:
    """`picture` is what a scanner would give: PNG or, where `jpeg`, JPEG."""

    name: str
    language: str
    text: str
    picture: bytes


@dataclass(frozen=True)
class Shown:
    """A line of text, from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    for folder in (DEJAVU, NOTO):
        if (folder / f"{name}.ttf").is_file():
            return ImageFont.truetype(str(folder / f"{name}.ttf"), size)
    raise SystemExit(f"The font {name} is not installed: apt-get install fonts-dejavu-core fonts-noto-core")


def pages(quick: bool) -> Iterator[PageTruth]:
    """Every text in several fonts: clean, small on gray, and light on dark behind noise."""
    for language, text in TEXTS.items():
        fonts = FONTS.get(language, LATIN_FONTS)
        for number, name in enumerate(fonts[:1] if quick else fonts):
            yield _page(language, name, text, ("clean", "small", "dark")[number % 3])


def _page(language: str, name: str, text: str, manner: str) -> PageTruth:
    size, ink, paper = {"clean": (30, 0, 255), "small": (22, 40, 225), "dark": (34, 235, 35)}[manner]
    image = Image.new("RGB", PAGE, (paper,) * 3)
    draw = ImageDraw.Draw(image)
    face = font(name, size)
    lines = _wrapped(" ".join(text.split()), face, PAGE[0] - 200)
    rtl = language == "ar"
    for row, line in enumerate(lines):
        place = (PAGE[0] - 100 if rtl else 100, 120 + row * round(size * 1.7))
        draw.text(place, line, font=face, fill=(ink,) * 3, anchor="ra" if rtl else "la")
    pixels = np.asarray(image).astype(np.int16)
    if manner != "clean":
        pixels = pixels + np.random.default_rng(7).normal(0, 8, PAGE[::-1])[..., None]
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG" if manner == "clean" else "JPEG")
    return PageTruth(f"{language} {name} {manner}", language, "\n".join(lines), out.getvalue())


def _wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


# ---- a video: slides that grow, people in front of moving pictures with lower thirds, a moving inset, titles over it

SLIDES = (
    (
        "Harbour project, second quarter",
        "Budget 4,250,000 spent to 63 %",
        "Permits for shed 12 are open",
        "Noise: night work stops in May",
    ),
    (
        "Timetable until autumn",
        "14 March: meeting in room B-217",
        "2 June: dredging at the north quay",
        "30 September: handing over",
    ),
    (
        "What we learned",
        "Ask the pilots before you plan",
        "Measure the ice every morning",
        "Write down who decided what",
    ),
    ("Портовый проект, итоги года", "Бюджет 4,250 израсходован", "Причал закрыт до весны", "Ночные работы в мае"),
)
PEOPLE = (
    ("Ingrid Solheim", "Harbour master"),
    ("Marc Delacroix", "Engineer, north quay"),
    ("Teresa Quintana", "City council"),
    ("Pavel Horak", "Pilots' association"),
)
TITLES = ("Winter at the old mill", "Four months later", "The ferry returns", "A night in shed 4")


def script(length_s: int) -> tuple[list[Shown], list[tuple[str, int, int]]]:
    """What is to be read, and the scenes (kind and number, start and end) that show it: 20 s each, then the next."""
    truth: list[Shown] = []
    scenes: list[tuple[str, int, int]] = []
    start, turn = 0, 0
    while start < length_s:
        number = turn // 4 % 4
        kind = ("slide", "person", "inset", "title")[turn % 4]
        end = min(length_s, start + {"slide": 20, "person": 14, "inset": 16, "title": 10}[kind])
        scenes.append((kind, start, end))
        truth += _truth(kind, number, start, end)
        start, turn = end, turn + 1
    return truth, scenes


def _truth(kind: str, number: int, start: int, end: int) -> list[Shown]:
    if kind == "slide":
        return [Shown(start + 4 * row, end, line) for row, line in enumerate(SLIDES[number]) if start + 4 * row < end]
    if kind == "inset":
        return [Shown(start, end, line) for line in reversed(SLIDES[number])]
    if kind == "person":
        return [Shown(start + 3, min(end, start + 11), line) for line in PEOPLE[number]]
    return [Shown(start + 2, min(end, start + 8), TITLES[number])]


def write_video(path: Path, length_s: int) -> list[Shown]:
    truth, scenes = script(length_s)
    moving = _texture()
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23"}
        for turn, (kind, start, end) in enumerate(scenes):
            still: dict[tuple[Shown, ...], Image.Image] = {}
            for number in range(start * FPS, end * FPS):
                shown = tuple(one for one in truth if start <= one.start <= number / FPS < one.end <= end)
                if shown not in still:
                    still[shown] = _overlay(kind, shown)
                picture = _composed(kind, still[shown], moving, number, turn)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return truth


def _texture() -> NDArray[np.uint8]:
    """Soft shapes of many sizes in colour, larger than a picture, so that a window can wander over it."""
    chance = np.random.default_rng(3)
    width, height = SIZE[0] * 2, SIZE[1] * 2
    whole = np.zeros((height, width, 3))
    for cells in (8, 24, 80):
        small = chance.integers(0, 256, (cells * 9 // 16 + 1, cells, 3), dtype=np.uint8)
        whole += np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)) / 3
    return whole.astype(np.uint8)


def _overlay(kind: str, shown: tuple[Shown, ...]) -> Image.Image:
    """Text on transparent ground, or on a slide of its own."""
    slide = kind in ("slide", "inset")
    image = Image.new("RGBA", SIZE, (244, 241, 232, 255) if slide else (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    if kind == "person" and shown:
        draw.rectangle((60, 560, 620, 680), fill=(15, 40, 80, 255))
    for row, one in enumerate(shown):
        if slide:
            draw.text((70, 70 + 120 * row), one.text, font=font("DejaVuSans", 46 if row == 0 else 34), fill="#182030")
        elif kind == "person":
            draw.text((85, 572 + 56 * row), one.text, font=font("NotoSans-Regular", 40 - 12 * row), fill="white")
        else:
            face = font("DejaVuSerif", 60)
            draw.text((640, 360), one.text, font=face, fill="white", anchor="mm", stroke_width=4, stroke_fill="black")
    return image


def _composed(kind: str, still: Image.Image, moving: NDArray[np.uint8], number: int, turn: int) -> NDArray[np.uint8]:
    if kind == "slide":
        return np.asarray(still.convert("RGB"))
    left, top = (number * MOVE_PX + 97 * turn) % SIZE[0], (number * MOVE_PX // 2) % SIZE[1]
    window = moving[top : top + SIZE[1], left : left + SIZE[0]]
    if kind == "inset":
        picture = np.array(still.convert("RGB"))
        picture[440:680, 840:1240] = window[:240, :400]
        return picture
    layered = Image.fromarray(window)
    layered.paste(still, mask=still)
    return np.asarray(layered)
