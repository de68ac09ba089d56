"""Texts that steer whoever shows them, and what may not be left of them at an edge."""

from __future__ import annotations

import unicodedata

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://x\x1b\\link",
    "open_string": "\x1b]0;never closed\nnext line",
    "c1_csi": "\x9b31mred",
    "c1_osc": "\x9d0;owned\x9c",
    "bidi_override": "cod\u202egpj.exe",
    "bidi_isolate": "a\u2066b\u2069c",
    "zero_width": "to\u200bken",
    "tags": "a\U000e0041\U000e007fb",
    "byte_order_mark": "a\ufeffb",
    "lone_surrogate": "a\ud800b",
    "carriage_return": "good\rforged",
    "newline": "good\nforged line",
    "vertical_tab": "a\x0bb\x0cc",
    "next_line": "a\x85::error::forged",
    "line_separator": "a\u2028::error::forged\u2029##[error]forged",
    "command": "::error file=README.md,line=1::forged",
    "command_on_a_line": "well\n   ::stop-commands::token",
    "command_after_wide_blank": "well\n\u3000\u00a0::add-mask::a",
    "hidden_command": "well\n\u200b::error::forged",
    "old_command": "##[error]forged and ###[group]x",
    "azure": "##vso[task.setvariable variable=a]b",
    "escapes_of_a_command": "100%0A::error::forged%0D",
    "rich_markup": "[red]x[/red] [link=http://x]y[/link]",
    "html": "<script>alert(1)</script>&amp;",
    "null": "a\x00b",
    "delete": "a\x7fb",
}

ORDINARY = (
    "worker-basic: café déjà vu, Größe 3,5 µm",
    "模型加载完成 (CUDA 12.4) — 日本語テスト",
    "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory",
    'a "quoted" path: C:\\x\\y, 100 % of std::vector<int>, 10:30:00, [info] <none> &amp;',
    "✓ build · ✗ test · ⏳ waiting → 🚀",
)

_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def assert_harmless(text: str, *, commands: bool = False) -> None:
    """The text holds nothing that steers a terminal or a CI system.

    Args:
        text: As it was written.
        commands: Whether lines that are workflow commands are the very answer.
    """
    left = {hex(ord(each)) for each in text if unicodedata.category(each) in _STEERING and each not in "\t\n"}
    assert not left, (left, text)
    for line in text.splitlines():
        assert commands or not line.lstrip().startswith("::"), line
        assert "##[" not in line, line
        assert "##vso[" not in line, line
