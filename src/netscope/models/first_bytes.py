"""What a file is by its first bytes, for messages."""

from __future__ import annotations

_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a file packed with gzip",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program or library (ELF)",
    b"GGUF": "a GGUF file",
    b"<?xml": "an XML text",
}


def looks_like(head: bytes) -> str:
    r"""Describe the first bytes of a file.

    >>> looks_like(b"PK\x03\x04..."), looks_like(b"layer { name: 'data' }"), looks_like(b"\x00\x01\x02\x03")
    ('a zip archive', "a text that begins 'layer { name: 'data' }'", 'a file that begins with the bytes 00 01 02 03')
    """
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return what
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite file"
    text = head[:200].decode("utf-8", "ignore")
    if text and all(letter.isprintable() or letter in "\r\n\t" for letter in text) and len(text) > len(head[:200]) - 4:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        return f"JSON that begins {first[:40]!r}" if first[:1] in "{[" else f"a text that begins '{first[:40]}'"
    return f"a file that begins with the bytes {head[:8].hex(' ')}"
