"""A report's `file` and `line` are those of the cause, as an editor would open them."""

from __future__ import annotations

from tests.integration.validator.conftest import DOCKERFILE, SDK, handler


def test_package_that_no_index_has_is_shown_where_it_is_required(make_worker, validate):
    worker = make_worker(
        handler('return {"ok": 1}'),
        {
            "Dockerfile": DOCKERFILE.replace("COPY requirements.txt .", "COPY requirements.txt more.txt ./"),
            "requirements.txt": f"# the SDK\n{SDK}-r more.txt\n",
            "more.txt": "\nno-such-package-of-janitor==1.0\n",
        },
    )
    result = validate(worker)
    assert result.reason == ("deps_resolve", "dependency_not_found")
    for name in ("deps_resolve", "build"):
        check = result.check(name)
        assert check.reason_code == "dependency_not_found"
        assert (check.measurements["file"], check.measurements["line"]) == ("more.txt", 2)
