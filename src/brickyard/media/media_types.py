"""What the kinds of files that are taken in are called on the web."""

from __future__ import annotations

# By what the file is, never by its name: a name is the uploader's to choose.
MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wma": "audio/x-ms-wma",
    "wmv": "video/x-ms-wmv",
    "mp4": "video/mp4",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}
