"""Where a worker's models come from: addresses in the image's build and in the worker's own code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run
from janitor.inspection.dockerfile.usage import used_stages

HUB = "https://huggingface.co"
_URL = re.compile(r"https?://[^\s\"'`<>\\)\]};,|&$]+(?:&[^\s\"'`<>\\)\]};,|&$]+)*")
_FETCHES = re.compile(r"\b(?:wget|curl|aria2c|axel)\b")
_MODEL_FILE = re.compile(
    r"(?i)\.(?:safetensors|ckpt|pth?|bin|onnx|gguf|ggml|h5|pkl|npz|engine|tflite|tar|tgz|gz|zip|7z)(?:[?#]|$)"
)
_MODEL_HOST = re.compile(
    r"(?i)^https?://(?:[\w-]+\.)*(?:huggingface\.co|hf\.co|civitai\.com)/\S*(?:/resolve/|/download)"
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_FROM_HUB = frozenset({"from_pretrained", "snapshot_download", "hf_hub_download", "from_single_file"})
_HUB_COMMAND = re.compile(r"\b(?:huggingface-cli|hf)\s+download\s+([\w./-]+)")
_MOST = 40
_EXAMPLE = re.compile(r"(?i)^https?://(?:[\w-]+\.)*example\.(?:com|org|net)(?:[:/]|$)")
"""Reserved for examples (RFC 2606); nobody fetches from there."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """One address that something is fetched from."""

    url: str
    path: str
    line: int
    is_built_in: bool
    """Whether the image's build fetches it."""


def build_sources(dockerfile: Dockerfile, path: PurePosixPath) -> list[ModelSource]:
    """What the image's build fetches: ADD of an address, and what wget, curl and the hub's command get."""
    found: list[ModelSource] = []
    for stage in used_stages(dockerfile):
        for step in stage.steps:
            if isinstance(step, Copy):
                urls = [source for source in step.sources if source.startswith(("http://", "https://"))]
            else:
                urls = list(_of_command(step))
            found += [ModelSource(url=url, path=str(path), line=step.line, is_built_in=True) for url in urls]
    return _unique(found)


def _of_command(step: Run) -> Iterator[str]:
    for piece in re.split(r"&&|\|\||;|\n", re.sub(r"\\\n", " ", step.command)):
        if piece.lstrip().startswith("#"):
            continue
        if _FETCHES.search(piece) and "$" not in "".join(_URL.findall(piece)):
            # One that is joined to a variable is only the beginning of an address.
            yield from (match.group(0) for match in _URL.finditer(piece) if piece[match.end() : match.end() + 1] != "$")
        for name in _HUB_COMMAND.findall(piece):
            if _HUB_ID.fullmatch(name):
                yield f"{HUB}/api/models/{name}"


def code_sources(path: PurePosixPath, source: str, *, is_built_in: bool) -> list[ModelSource]:
    """What a Python file fetches: addresses of model files, and ids of models on the hub.

    Args:
        path: Of the file.
        source: Its text.
        is_built_in: Whether the image's build runs it.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    documentation = set(_docstrings(tree))
    found: list[ModelSource] = []
    for node in ast.walk(tree):
        urls: list[str] = []
        if isinstance(node, ast.Call):
            urls = list(_hub_ids(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            text = node.value.strip()
            if _URL.fullmatch(text) and (_MODEL_FILE.search(text) or _MODEL_HOST.match(text)):
                urls = [text]
        found += [ModelSource(url=url, path=str(path), line=node.lineno, is_built_in=is_built_in) for url in urls]  # type: ignore[attr-defined]  # not in typeshed
    return _unique(found)


def built_scripts(dockerfile: Dockerfile, image_files: Mapping[str, PurePosixPath]) -> list[PurePosixPath]:
    """The repository's Python files that the image's build runs."""
    found: dict[PurePosixPath, None] = {}
    for stage in used_stages(dockerfile):
        for step in stage.steps:
            if not isinstance(step, Run):
                continue
            for name in re.findall(r"\bpython[\d.]*\s+(?:-u\s+)?([\w./-]+\.py)\b", step.command):
                full = name if name.startswith("/") else f"{step.workdir.rstrip('/')}/{name}"
                if (source := image_files.get(re.sub(r"/(?:\./)+", "/", full))) is not None:
                    found[source] = None
    return list(found)


def _hub_ids(call: ast.Call) -> Iterator[str]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in _FROM_HUB:
        return
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    first = call.args[0] if call.args else named.get("repo_id") or named.get("pretrained_model_name_or_path")
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    if (
        name == "snapshot_download"
        and isinstance(kind := named.get("repo_type"), ast.Constant)
        and kind.value != "model"
    ):
        return
    if _HUB_ID.fullmatch(first.value):
        yield f"{HUB}/api/models/{first.value}"


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _unique(found: list[ModelSource]) -> list[ModelSource]:
    real = [source for source in found if not _EXAMPLE.match(source.url)]
    return list({source.url: source for source in reversed(real)}.values())[::-1][:_MOST]
