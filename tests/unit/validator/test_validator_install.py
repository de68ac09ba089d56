"""What the RUN instructions install, and what they do that can't be done without the image."""

from __future__ import annotations

import pytest

from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.install.install import plan_installs


def plan(text: str, *, paths: tuple[str, ...] = ()):
    return plan_installs(parse_dockerfile(text, build_args={}), lambda path: path in paths)


def installs(run: str, *, workdir: str = "/app") -> list[tuple[str, ...]]:
    return [each.arguments for each in plan(f"FROM python:3.11\nWORKDIR {workdir}\n{run}").installs]


@pytest.mark.parametrize(
    "run",
    [
        "RUN pip install -r requirements.txt",
        "RUN pip3 install --no-cache-dir --upgrade -r requirements.txt",
        "RUN python -m pip install --requirement=requirements.txt",
        "RUN python3.11 -m pip install -rrequirements.txt",
        "RUN uv pip install --system -r requirements.txt",
        "RUN --mount=type=cache,target=/root/.cache pip install -r /app/requirements.txt",
        "RUN apt-get update && pip install -U pip && pip install -r requirements.txt --no-cache-dir && rm -rf /x",
        "RUN cd /tmp; cd /app && /opt/venv/bin/pip install -r requirements.txt",
        'RUN ["pip", "install", "-r", "requirements.txt"]',
        "RUN <<EOF\npip install -r requirements.txt\nEOF",
        "RUN sudo -H pip install --timeout 100 -r requirements.txt",
    ],
)
def test_requirements_file_is_found_however_it_is_written(run):
    assert installs(run) == [("-r", "image:/app/requirements.txt")]


def test_packages_and_indexes_are_kept():
    run = (
        "RUN pip install --pre torch==2.4.0 'runpod>=1.7,<2' --extra-index-url https://download.pytorch.org/whl/cu121 "
        "-i https://example.com/simple https://example.com/a-1-py3-none-any.whl git+https://github.com/a/b.git"
    )
    assert installs(run) == [
        (
            "--prerelease=allow",
            "torch==2.4.0",
            "runpod>=1.7,<2",
            "--extra-index-url",
            "https://download.pytorch.org/whl/cu121",
            "--index-url",
            "https://example.com/simple",
            "https://example.com/a-1-py3-none-any.whl",
            "git+https://github.com/a/b.git",
        )
    ]


def test_variables_are_replaced():
    text = "FROM python:3.11\nARG V=1.2\nENV P=runpod\nRUN pip install ${P}==$V"
    assert plan(text).installs[0].arguments == ("runpod==1.2",)


def test_project_in_a_folder_and_constraints_are_paths_of_the_image():
    assert installs("RUN pip install -e .[dev] -c ../c.txt ./wheels/a-1-py3-none-any.whl") == [
        ("-e", "image:/app[dev]", "-c", "image:/c.txt", "image:/app/wheels/a-1-py3-none-any.whl")
    ]


@pytest.mark.parametrize("run", ["RUN pip install --upgrade pip", "RUN pip --version", "RUN pip cache purge"])
def test_nothing_to_install_is_nothing(run):
    found = plan(f"FROM python:3.11\n{run}")
    assert (found.installs, found.gaps) == ((), ())


def test_installs_of_a_stage_that_is_copied_from_count_and_of_others_do_not():
    text = (
        "FROM python:3.11 AS build\nRUN pip install built\n"
        "FROM python:3.11 AS unused\nRUN pip install unused\n"
        "FROM python:3.11\nCOPY --from=build /venv /venv\nRUN pip install final\n"
    )
    assert [each.arguments for each in plan(text).installs] == [("built",), ("final",)]


@pytest.mark.parametrize(
    ("run", "word", "is_deep"),
    [
        ("RUN apt-get update && apt-get install -y ffmpeg", "system packages", False),
        ("RUN conda install -y numpy", "conda packages", False),
        ("RUN poetry install", "project manager", False),
        ("RUN python download_weights.py", "a Python program does", True),
        ("RUN wget https://example.com/m.bin", "downloads", True),
        ("RUN git clone https://github.com/a/b", "downloads", True),
        ("RUN bash /setup.sh", "a script does", True),
        ("RUN make -j4", "compiled", True),
        ("RUN something-unknown --now", "a command does", True),
    ],
)
def test_what_only_the_image_has_is_a_gap(run, word, is_deep):
    gaps = plan(f"FROM python:3.11\n{run}").gaps
    assert [(word in gap.text, gap.is_deep) for gap in gaps] == [(True, is_deep)]


@pytest.mark.parametrize(
    "run", ["RUN apt-get update && apt-get clean", "RUN mkdir -p /a && chmod +x /a", "RUN echo hi > /x"]
)
def test_upkeep_is_no_gap(run):
    assert plan(f"FROM python:3.11\n{run}").gaps == ()


def test_uv_sync_installs_the_project_and_says_what_is_lost():
    found = plan("FROM python:3.11\nWORKDIR /app\nRUN uv sync --frozen", paths=("/app/pyproject.toml",))
    assert found.installs[0].arguments == ("-r", "image:/app/pyproject.toml")
    assert "uv.lock" in found.gaps[0].text


def test_settings_of_pip_count_and_arguments_go_before_them():
    text = (
        "FROM python:3.11\nENV PIP_EXTRA_INDEX_URL=https://extra/simple PIP_INDEX_URL=https://main/simple\n"
        "RUN pip install a\nRUN PIP_EXTRA_INDEX_URL=https://other/simple pip install -i https://mine/simple b\n"
        "RUN pip config set global.extra-index-url https://kept/simple && pip install c\nRUN uv pip install d\n"
    )
    assert [each.arguments for each in plan(text).installs] == [
        ("--index-url", "https://main/simple", "--extra-index-url", "https://extra/simple", "a"),
        ("--extra-index-url", "https://other/simple", "--index-url", "https://mine/simple", "b"),
        (
            *("--extra-index-url", "https://kept/simple", "--index-url", "https://main/simple"),
            *("--extra-index-url", "https://extra/simple", "c"),
        ),
        ("--extra-index-url", "https://kept/simple", "d"),
    ]


def test_marker_in_quotes_stays_with_its_requirement():
    run = "RUN pip install \"a; python_version < '3.9'\" 'b|c' && pip install d"
    assert installs(run)[0][0] == "a; python_version < '3.9'"
    assert installs(run)[1] == ("d",)


def test_what_simple_commands_make_is_known():
    run = (
        "RUN mkdir -p outputs /models && touch a.txt && echo '{}' > /etc/worker.json && cd /srv && mkdir b && ln -s x y"
        " && echo ok 2> /dev/null && mkdir -p /d/* && yes | tee -a list"
    )
    found = plan(f"FROM python:3.11 AS other\nRUN mkdir /other\nFROM python:3.11\nWORKDIR /app\n{run}")
    assert found.folders == ("/app/outputs", "/models", "/srv/b")
    assert found.made == ("/app/outputs", "/models", "/app/a.txt", "/etc/worker.json", "/srv/b", "/srv/y", "/srv/list")
    assert found.gaps == ()


def test_what_is_installed_instead_is_told():
    run = "RUN pip install a || pip install b; test -f c || pip install d; pip install e || true"
    found = plan(f"FROM python:3.11\n{run}")
    assert [(each.arguments[0], each.may_fail, each.is_instead) for each in found.attempts] == [
        ("a", True, False),
        ("b", False, True),
        ("d", False, False),
        ("e", True, False),
    ]
    # What must resolve is what the build can't do without.
    assert [each.arguments[0] for each in found.installs] == ["d"]


@pytest.mark.parametrize(
    "run",
    [
        "pip install -r <(grep -v torch requirements.txt)",
        "pip install -r $(ls requirements*.txt)",
        "pip install `cat packages.txt`",
        "pip install ./wheels/*.whl",
        "pip install wheels/*",
    ],
)
def test_what_only_a_shell_knows_is_a_gap(run):
    found = plan(f"FROM python:3.11\nWORKDIR /app\nRUN {run}")
    assert [each.is_by_shell for each in found.attempts] == [True]
    assert [gap.is_deep for gap in found.gaps] == [False]


@pytest.mark.parametrize(
    ("run", "is_clear"),
    [
        ("pip install 'torch==2.*' 'git+https://example.com/a?b=1'", True),
        ("--mount=target=/src pip install -r /src/requirements.txt", True),
        ("D=/srv; pip install -r $D/requirements.txt", False),
        ("--mount=from=other,target=/src pip install -r /src/requirements.txt", False),
    ],
)
def test_installation_knows_whether_its_names_are_known(run, is_clear):
    (install,) = plan(f"FROM python:3.11\nWORKDIR /app\nRUN {run}").attempts
    assert (install.is_clear, install.is_by_shell) == (is_clear, False)


def test_stages_are_followed_through_every_copy():
    found = plan(
        "FROM python:3.11 AS a\nRUN pip install idna\nFROM a AS b\nRUN echo x > /made\nFROM python:3.11 AS c\n"
        "COPY --from=b /venv /venv\nFROM python:3.11\nCOPY --from=c /venv /venv\nRUN pip install six\n"
    )
    assert [(each.arguments, each.stage) for each in found.attempts] == [(("idna",), 0), (("six",), None)]
    assert (found.made, found.made_before) == ((), ("/made",))


def test_an_environment_is_no_gap_and_what_runs_in_it_may_be_one():
    made = "python -m venv /opt/v && . /opt/v/bin/activate && pip install idna"
    assert plan(f"FROM python:3.11\nRUN {made}").gaps == ()
    assert [gap.is_deep for gap in plan(f"FROM python:3.11\nRUN {made} && python fetch.py").gaps] == [True]
