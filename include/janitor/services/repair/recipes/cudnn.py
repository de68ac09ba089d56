"""CTranslate2 that loads cuDNN 9 on an image with cuDNN 8: the newest that loads what the image has.

Source: the release notes of CTranslate2 4.5.0; https://github.com/runpod-workers/worker-faster_whisper.
"""

from __future__ import annotations

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.inspection.install.cudnn_versions import cudnn_of_base
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, failed_with, told
from janitor.services.repair.recipes.requirement_text import asked_as, bounded, with_specifier
from janitor.services.repair.world import World

_PACKAGE, _BOUND, _OLD = "ctranslate2", "<4.5", 8
_LIBRARY = "libcudnn_ops.so.9"
"""What a worker says that it can't load. The eighth has `libcudnn_ops_infer.so.8`."""


class Cudnn:
    """See the module."""

    name = "cudnn"
    repairs = "CTranslate2 (as under faster-whisper) that loads cuDNN 9 on an image with cuDNN 8"
    how = "`ctranslate2<4.5`, the last that loads cuDNN 8"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        failed = [check.reason or check.name for check in failed_with(failure, ReasonCode.CUDNN_MISMATCH)]
        unloaded = [line.strip() for line in told(failure) if _LIBRARY in line]
        shown = next(iter((*failed, *unloaded)), None)
        if shown is None:
            return None
        if worker.parsed is None or cudnn_of_base(worker.parsed.final.base_image) != _OLD:
            return Abstained(reason="the image isn't known to have cuDNN 8")
        asked = asked_as(worker, _PACKAGE)
        if asked is not None and "==" in asked:
            return Abstained(reason=f"{_PACKAGE}{asked} is asked for by name: the image or the pin, people have to say")
        edits = with_specifier(worker, _PACKAGE, bounded(asked or "", _BOUND))
        if isinstance(edits, Abstained):
            return edits
        return Draft(
            edits=edits,
            summary=f"Ask for the {_PACKAGE} that loads the image's cuDNN",
            root_cause=f"{_PACKAGE} loads cuDNN 9 since 4.5, and the base image has cuDNN 8.",
            evidence=(shown,),
        )
