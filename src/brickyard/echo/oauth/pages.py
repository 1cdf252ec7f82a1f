"""The few pages that people see on their way to another app: plain, without script, everything escaped."""

from __future__ import annotations

from html import escape

from fastapi.responses import HTMLResponse

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/theme.css">"""


def said(title: str, text: str, status: int = 200) -> HTMLResponse:
    return _page(title, f"<p>{escape(text)}</p>", status)


def confirm_logout(address: str, csrf: str) -> HTMLResponse:
    """`csrf`: what only a page of ours can send back."""
    form = (
        "<p>You will be signed out of the apps that you entered with it, too.</p>"
        f'<form method="post" action="{escape(address)}"><input type="hidden" name="confirm" value="{escape(csrf)}">'
        '<button class="primary">Sign out</button></form>'
    )
    return _page("Sign out of Brickyard?", form, 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    shown = escape(title)
    return HTMLResponse(
        f'<!doctype html>\n<html lang="en">\n<head>\n{HEAD}\n<title>{shown} · Brickyard</title>\n</head>\n'
        f"<body>\n<main>\n<h1>{shown}</h1>\n{body}\n</main>\n</body>\n</html>\n",
        status,
        HEADERS,
    )
