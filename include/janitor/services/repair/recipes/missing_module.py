"""A module that isn't there, where its name surely means one distribution: that one, in the version of today.

What a distribution is called is taken from a closed list and never guessed: anybody may publish under a module's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import Changed
from janitor.inspection.install.requirements import normalised
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, told
from janitor.services.repair.recipes.requirement_text import asked_as, with_specifier
from janitor.services.repair.world import UnknownError, World

_MISSING = re.compile(r"No module named '([A-Za-z_][\w.]*)'")
DISTRIBUTIONS: Mapping[str, str] = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "pkg_resources": "setuptools",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    **{
        name: name
        for name in (
            *("accelerate", "aiohttp", "boto3", "diffusers", "einops", "fastapi", "ftfy", "gradio", "httpx", "idna"),
            *("imageio", "jinja2", "librosa", "loguru", "matplotlib", "numpy", "omegaconf", "onnx", "onnxruntime"),
            *("packaging", "pandas", "peft", "protobuf", "psutil", "pydantic", "regex", "requests", "safetensors"),
            *("scipy", "sentencepiece", "six", "soundfile", "tabulate", "tiktoken", "tqdm", "transformers", "urllib3"),
        )
    },
}
"""Distribution by the module that it surely brings."""
_BOUNDS = {"setuptools": "<81"}
"""Where a later release brings the module no more. Source: setuptools 81, "pkg_resources" is gone."""


class MissingModule:
    """See the module."""

    name = "missing_module"
    repairs = "an import of what nothing installs any more"
    how = "the one distribution that surely brings it, from a closed list, pinned"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        shown = [(line, match[1]) for line in told(failure) if (match := _MISSING.search(line))]
        if not shown:
            return None
        line, module = shown[0]
        top = module.split(".")[0]
        distribution = DISTRIBUTIONS.get(top)
        if distribution is None:
            return Abstained(reason=f"which distribution brings {top} isn't surely known")
        if asked_as(worker, distribution) is not None and distribution not in _BOUNDS:
            return Abstained(reason=f"{distribution} is asked for, and {top} isn't there all the same")
        specifier = _specifier(failure, distribution, worker, world)
        if isinstance(specifier, Abstained):
            return specifier
        edits = with_specifier(worker, distribution, specifier)
        if isinstance(edits, Abstained):
            return edits
        return Draft(
            edits=edits,
            summary=f"Ask for {distribution}, which brings {top}"[:72],
            root_cause=f"The worker imports {top}, and nothing that it asks for brings {distribution} any more.",
            evidence=(line.strip(),),
        )


def _specifier(failure: Failure, distribution: str, worker: WorkerTree, world: World) -> str | Abstained:
    """The version of the last success where there was one, else the one that an index would give today."""
    if (bound := _BOUNDS.get(distribution)) is not None:
        return bound
    changes = failure.changes
    for change in changes.of(Changed.PACKAGE) if changes is not None else ():
        if change.name is not None and normalised(change.name) == distribution and change.before is not None:
            return f"=={change.before}"
    if world.packages is None or any(each.index_urls or each.extra_index_urls for each in worker.requirements):
        return Abstained(reason=f"no index is asked for {distribution}")
    everything = [one.spelled for each in worker.requirements for one in each.requirements if one.url is None]
    found = world.packages.resolved([*everything, distribution], python=worker.python)
    if found is None or distribution not in found:
        raise UnknownError(f"no {distribution} goes together with what is asked for")
    return f"=={found[distribution]}"
