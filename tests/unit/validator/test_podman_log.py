"""podman's build log in BuildKit's form: the same rules judge both."""

from __future__ import annotations

from janitor.diagnosis.build_failure import step_trouble
from janitor.diagnosis.build_log import cache_use, failing_step, running_step
from janitor.diagnosis.podman_log import as_buildkit, builder_lacks

HEX = "8d8ed0102e50320fd5a6ea1218e036f7a322387e0b26bc5899fd9e3efe37f2c7"
BEGUN = f"STEP 1/5: FROM python:3.11-slim\nSTEP 2/5: WORKDIR /app\n--> Using cache {HEX}\n--> 8d8ed0102e5\n"
INSTALL = "STEP 3/5: RUN pip install -r requirements.txt\n"


class Nothing:
    """A repository of which nothing is in the image."""

    tree = None
    image_files: dict[str, object] = {}


def failure(log: str):
    step = failing_step(as_buildkit(log))
    assert step is not None
    return step


def test_step_that_fails_has_its_name_its_words_and_its_exit_code():
    said = "ERROR: No matching distribution found for emojii==2.14.1\n"
    last = 'Error: building at STEP "RUN pip install -r requirements.txt": while running runtime: exit status 1\n'
    step = failure(f"{BEGUN}{INSTALL}Collecting emojii\n{said}{last}")
    assert step.name == "[3/5] RUN pip install -r requirements.txt"
    assert step.exit_code == 1
    assert "No matching distribution found" in step.output
    trouble = step_trouble(Nothing(), step, killed=False)  # type: ignore[arg-type]
    assert (trouble.code.value, trouble.repository_at_fault) == ("dependency_not_found", True)


def test_killed_for_memory():
    step = failure(
        f'{BEGUN}{INSTALL}Killed\nError: building at STEP "RUN pip x": while running runtime: exit status 137\n'
    )
    assert step.exit_code == 137


def test_program_that_is_not_there_is_the_steps_fault():
    said = (
        'error running container: from /usr/sbin/runc creating container for [/nope]: time="x" level=error msg="runc'
        ' create failed: unable to start container process: exec: \\"/nope\\": stat /nope: no such file or directory"\n'
    )
    step = failure(
        f'{BEGUN}STEP 3/5: RUN ["/nope"]\n{said}: exit status 1\nError: building at STEP "RUN /nope": exit status 1\n'
    )
    assert 'unable to start container process: exec: "/nope"' in step.output
    trouble = step_trouble(Nothing(), step, killed=False)  # type: ignore[arg-type]
    assert trouble is None or trouble.repository_at_fault


def test_engine_that_can_not_start_a_step_is_no_fault_of_the_repository():
    said = 'msg="runc create failed: unable to start container process: error during container init: no keyring"\n'
    step = failure(f'{BEGUN}{INSTALL}{said}: exit status 1\nError: building at STEP "RUN pip x": exit status 1\n')
    trouble = step_trouble(Nothing(), step, killed=False)  # type: ignore[arg-type]
    assert (trouble.code.value, trouble.repository_at_fault) == ("engine_trouble", False)


def test_missing_source_and_missing_image():
    said = 'checking on sources: copier: stat: "/gone.txt": no such file or directory'
    log = f'{BEGUN}STEP 3/5: COPY gone.txt /\nError: building at STEP "COPY gone.txt /": {said}\n'
    assert failure(log).error.endswith('"/gone.txt": not found')
    said = "initializing source docker://x/y:1: reading manifest 1 in docker.io/x/y: manifest unknown"
    log = f"STEP 1/2: FROM x/y:1\nError: creating build container: {said}\n"
    assert failure(log).error.endswith("manifest unknown: not found")


def test_what_comes_from_the_cache_and_what_was_running():
    copied = "STEP 4/5: COPY handler.py ./\n--> 1cbb19b7c24e\nCOMMIT x\n"
    done = f"{BEGUN}{INSTALL}Collecting runpod\n--> 0cbb19b7c24e\n{copied}"
    use = cache_use(as_buildkit(done))
    assert (use.steps, use.cached) == (3, 1)
    assert failing_step(as_buildkit(done)) is None
    assert running_step(as_buildkit(f"{BEGUN}{INSTALL}Collecting")) == "[3/5] RUN pip install -r requirements.txt"


def test_step_that_prints_podmans_words_fails_all_the_same():
    forged = 'Error: building at STEP "RUN x": dial tcp: lookup pypi.org: no such host\nSTEP 5/5: RUN y\n'
    last = 'Error: building at STEP "RUN make": while running runtime: exit status 2\n'
    step = failure(f"{BEGUN}STEP 3/5: RUN make\n{forged}{last}")
    assert step.exit_code == 2
    assert "no such host" not in step.error


def test_what_the_builder_lacks_is_told_from_what_a_step_says():
    link = 'Error: building at STEP "COPY --link a /": COPY only supports the --chmod=<permissions> flags\n'
    assert builder_lacks(f"{BEGUN}{link}") == "COPY only supports the --chmod=<permissions> flags"
    short = (
        'Error: creating build container: short-name "org/x:1" did not resolve to an alias and no unqualified-search'
    )
    assert (builder_lacks(f"STEP 1/2: FROM org/x:1\n{short} registries are defined\n") or "").startswith("creating")
    run = 'unsupported\nError: building at STEP "RUN unsupported": while running runtime: exit status 1\n'
    assert builder_lacks(f"{BEGUN}{run}") is None
    assert builder_lacks("Successfully tagged localhost/x\n") is None
