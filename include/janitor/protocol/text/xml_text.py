"""Text that an XML document may hold, and the document's own text."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from janitor.protocol.text.plain_text import without_commands

_NO_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")
"""Of plain text, what XML 1.0 can't hold."""


def xml_plain(text: str) -> str:
    """The text as lines of visible characters that every reader of XML takes."""
    return without_commands(text).translate(_NO_XML)


def xml_document(root: ET.Element) -> str:
    """The whole document, indented."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
