"""What registries, model hosts, package indexes and git servers say, and whose fault it is."""

from __future__ import annotations

import json
from collections.abc import Mapping

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import WEB, Answer, Case, Expected, Kind, errs, fails, passes, skips
from tests.corpus.workers import DOCKERFILE, HEALTHY, SDK

C, R = CheckName, ReportStatus
IMAGE = f"{WEB}/team/base:1.0"
MANIFEST = "/v2/team/base/manifests/1.0"
DIGEST = {"Docker-Content-Digest": "sha256:" + "1" * 64}
INDEX = json.dumps({"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]})
ARM = json.dumps({"manifests": [{"platform": {"os": "linux", "architecture": "arm64"}}]})
SINGLE = json.dumps({"config": {"digest": "sha256:" + "2" * 64}})


def _base(name: str, truth: R, expected: Expected, holds: str, web: Mapping[str, Answer], image: str = IMAGE) -> Case:
    return Case(
        name=name,
        holds=holds,
        truth=truth,
        expected=(expected,),
        web=web,
        files={"Dockerfile": DOCKERFILE.replace("python:3.11-slim", image)},
        # The environment lacks what such a base may bring; the images themselves are on no registry that could be used.
        kind=Kind.STATIC,
    )


BASES = (
    _base(
        "base_there",
        R.SUCCESS,
        passes(C.BASE_IMAGE_EXISTS),
        "the image is there",
        {MANIFEST: Answer(headers=DIGEST, body=INDEX)},
    ),
    _base(
        "base_of_one_platform",
        R.SUCCESS,
        passes(C.BASE_IMAGE_EXISTS),
        "an image without an index",
        {
            MANIFEST: Answer(headers=DIGEST, body=SINGLE),
            f"/v2/team/base/blobs/sha256:{'2' * 64}": Answer(body='{"os": "linux", "architecture": "amd64"}'),
        },
    ),
    _base(
        "base_with_token",
        R.SUCCESS,
        passes(C.BASE_IMAGE_EXISTS),
        "a registry that gives anybody a token",
        {
            MANIFEST: Answer(
                headers={**DIGEST, "WWW-Authenticate": f'Bearer realm="http://{WEB}/token",service="x"'},
                body=INDEX,
                only_with="Bearer abc",
            ),
            "/token": Answer(body='{"token": "abc"}'),
        },
    ),
    _base("base_gone", R.FAILED, fails(C.BASE_IMAGE_EXISTS, "base_missing"), "NVIDIA deletes old CUDA tags", {}),
    _base(
        "base_for_arm",
        R.FAILED,
        fails(C.BASE_IMAGE_EXISTS, "base_wrong_platform"),
        "no image for x86-64",
        {MANIFEST: Answer(headers=DIGEST, body=ARM)},
    ),
    _base(
        "base_private",
        R.ERROR,
        errs(C.BASE_IMAGE_EXISTS, "needs_token"),
        "401 is no proof of anything",
        {MANIFEST: Answer(status=401)},
    ),
    _base(
        "base_forbidden",
        R.ERROR,
        errs(C.BASE_IMAGE_EXISTS, "needs_token"),
        "403 is no proof of anything",
        {MANIFEST: Answer(status=403)},
    ),
    _base(
        "registry_limit",
        R.ERROR,
        errs(C.BASE_IMAGE_EXISTS, "rate_limited"),
        "registry 429",
        {MANIFEST: Answer(status=429)},
    ),
    _base(
        "registry_down",
        R.ERROR,
        errs(C.BASE_IMAGE_EXISTS, "server_trouble"),
        "registry 5xx",
        {MANIFEST: Answer(status=503)},
    ),
    _base(
        "registry_unreachable",
        R.SUCCESS,
        skips(C.BASE_IMAGE_EXISTS, "no_network"),
        "no network",
        {},
        image="registry.invalid/team/base:1.0",
    ),
    _base(
        "registry_is_the_metadata_address",
        R.SUCCESS,
        skips(C.BASE_IMAGE_EXISTS, "host_refused"),
        "a repository that points at the instance's credentials",
        {},
        image="169.254.169.254/team/base:1.0",
    ),
)


def _model(name: str, truth: R, expected: Expected, holds: str, answer: Answer | None, *, host: str = WEB) -> Case:
    path = "/models/tiny.safetensors"
    source = HEALTHY.replace("import runpod\n", f'import runpod\n\nWEIGHTS = "http://{host}{path}"\n')
    return Case(
        name=name,
        holds=holds,
        truth=truth,
        expected=(expected,),
        files={"handler.py": source},
        web={} if answer is None else {path: answer},
    )


MODELS = (
    _model("model_there", R.SUCCESS, passes(C.MODEL_URLS), "the weights are there", Answer(body="x")),
    _model(
        "model_not_for_head",
        R.SUCCESS,
        passes(C.MODEL_URLS),
        "a server that takes no HEAD",
        Answer(body="x", not_to="HEAD"),
    ),
    _model("model_gone", R.FAILED, fails(C.MODEL_URLS, "model_gone"), "a model URL gone 404", None),
    _model("model_gone_for_good", R.FAILED, fails(C.MODEL_URLS, "model_gone"), "410", Answer(status=410)),
    _model("model_needs_token", R.ERROR, errs(C.MODEL_URLS, "needs_token"), "401", Answer(status=401)),
    _model("model_forbidden", R.ERROR, errs(C.MODEL_URLS, "needs_token"), "403", Answer(status=403)),
    _model("model_limit", R.ERROR, errs(C.MODEL_URLS, "rate_limited"), "429", Answer(status=429)),
    _model("model_host_down", R.ERROR, errs(C.MODEL_URLS, "server_trouble"), "503", Answer(status=503)),
    _model(
        "model_host_unreachable",
        R.SUCCESS,
        skips(C.MODEL_URLS, "no_network"),
        "no network",
        None,
        host="models.invalid",
    ),
    _model(
        "model_redirects_to_metadata",
        R.SUCCESS,
        skips(C.MODEL_URLS, "host_refused"),
        "a redirect to the instance's credentials",
        Answer(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}),
    ),
    Case(
        name="model_in_the_build",
        holds="wget of a model that is gone",
        truth=R.FAILED,
        expected=(fails(C.MODEL_URLS, "model_gone"),),
        kind=Kind.STATIC,
        files={
            "Dockerfile": DOCKERFILE.replace("COPY handler.py", f"RUN wget -q http://{WEB}/gone.ckpt\nCOPY handler.py")
        },
    ),
    Case(
        name="no_models",
        holds="nothing is downloaded",
        truth=R.SUCCESS,
        expected=(skips(C.MODEL_URLS, "no_model_url"),),
    ),
)

PACKAGES = (
    Case(
        name="packages_contradict",
        holds="requirements that exclude each other",
        truth=R.FAILED,
        expected=(fails(C.DEPS_RESOLVE, "dependency_conflict"), fails(C.BUILD, "dependency_conflict")),
        files={"requirements.txt": f"{SDK}requests==2.32.3\nurllib3==1.20\n"},
    ),
    Case(
        name="package_does_not_exist",
        holds="a version that was never published",
        truth=R.FAILED,
        expected=(fails(C.DEPS_RESOLVE, "dependency_not_found"),),
        files={"requirements.txt": f"{SDK}idna==999.0\n"},
    ),
    Case(
        name="index_down",
        holds="infrastructure errors stored as failed: the index answers 503",
        truth=R.ERROR,
        expected=(errs(C.DEPS_RESOLVE, "server_trouble"), errs(C.BUILD, "server_trouble")),
        web={"/simple/runpod/": Answer(status=503)},
        environment={"UV_INDEX_URL": f"http://{WEB}/simple", "UV_CACHE_DIR": "{fresh}", "UV_HTTP_RETRIES": "0"},
    ),
    Case(
        name="index_limit",
        holds="the index answers 429",
        truth=R.ERROR,
        expected=(errs(C.DEPS_RESOLVE, "rate_limited"),),
        web={"/simple/runpod/": Answer(status=429)},
        environment={"UV_INDEX_URL": f"http://{WEB}/simple", "UV_CACHE_DIR": "{fresh}", "UV_HTTP_RETRIES": "0"},
    ),
    Case(
        name="index_unreachable",
        holds="no network: nothing is the repository's fault",
        truth=R.ERROR,
        expected=(skips(C.DEPS_RESOLVE, "no_network"),),
        environment={"UV_INDEX_URL": "http://index.invalid/simple", "UV_CACHE_DIR": "{fresh}", "UV_HTTP_RETRIES": "0"},
    ),
    Case(
        name="own_package",
        holds="a package of the repository's own",
        truth=R.SUCCESS,
        expected=(skips(C.DEPS_RESOLVE, "needs_build"),),
        kind=Kind.STATIC,
        files={
            "Dockerfile": DOCKERFILE.replace("-r requirements.txt", "-r requirements.txt ./lib").replace(
                "COPY requirements.txt .", "COPY requirements.txt .\nCOPY lib lib"
            ),
            "lib/setup.py": "import setuptools\n",
        },
    ),
)

SOURCES = (
    Case(
        name="no_such_branch",
        holds="a branch that isn't there",
        truth=R.FAILED,
        expected=(
            fails(C.CHECKOUT, "unknown_ref"),
            skips(C.LAYOUT, "prerequisite_failed"),
            skips(C.HOST, "prerequisite_failed"),
            skips(C.DEPS_RESOLVE, "prerequisite_failed"),
        ),
        repository={"ref": "gone"},
    ),
    Case(
        name="git_server_down",
        holds="infrastructure errors stored as failed: git 503",
        truth=R.ERROR,
        expected=(errs(C.CHECKOUT, "server_trouble"),),
        url=f"http://{WEB}/worker.git",
        web={"/worker.git/info/refs": Answer(status=503)},
    ),
    Case(
        name="git_server_limit",
        holds="infrastructure errors stored as failed: git 429",
        truth=R.ERROR,
        expected=(errs(C.CHECKOUT, "rate_limited"),),
        url=f"http://{WEB}/worker.git",
        web={"/worker.git/info/refs": Answer(status=429)},
    ),
    Case(
        name="git_host_unknown",
        holds="infrastructure errors stored as failed: DNS",
        truth=R.ERROR,
        expected=(errs(C.CHECKOUT, "name_resolution"),),
        url="http://git.invalid/worker.git",
    ),
    Case(
        name="repository_gone",
        holds="a repository that was deleted",
        truth=R.FAILED,
        expected=(fails(C.CHECKOUT, "repository_not_found"),),
        url=f"http://{WEB}/worker.git",
    ),
    Case(
        name="submodule_without_address",
        holds="a submodule that .gitmodules doesn't know",
        truth=R.FAILED,
        expected=(fails(C.CHECKOUT, "submodule_unmapped"),),
        files={".gitmodules": '[submodule "other"]\n\tpath = other\n\turl = https://example.org/other\n'},
        git=(("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib"),),
    ),
)

NETWORK = (*BASES, *MODELS, *PACKAGES, *SOURCES)
