"""The Dockerfile parser: what BuildKit makes of a file, without BuildKit."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.dockerfile import sources
from janitor.inspection.dockerfile.command import makes_files, stage_command
from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.image_files import ImageFiles, copies_from_elsewhere, stage_files
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError, lex
from janitor.inspection.dockerfile.patterns import DockerIgnore
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.dockerfile.sources import BuildContext, missing_sources, read_context
from janitor.inspection.dockerfile.stages import Run, floating_tag, parse_dockerfile
from tests.support.cpu_time import cpu_time_below


def parse(text: str, **build_args: str):
    return parse_dockerfile(text, build_args=build_args)


def image_files(text: str, context: BuildContext) -> ImageFiles:
    dockerfile = parse(text)
    return stage_files(dockerfile, context)[dockerfile.final.index].files


def command_of(text: str, files: dict[str, str] | None = None, override: str | None = None):
    return stage_command(parse(text).final, read=(files or {}).get, override=override)


class TestLexer:
    def test_continuations_comments_and_blank_lines_make_one_instruction(self):
        lexed = lex(
            "FROM python:3.11 \nRUN apt-get update && \\\n  # a comment\n\n  apt-get install -y \\\n    git\nCMD x"
        )
        assert [each.keyword for each in lexed.instructions] == ["FROM", "RUN", "CMD"]
        run = lexed.instructions[1]
        assert run.line == 2
        assert run.value.split() == ["apt-get", "update", "&&", "apt-get", "install", "-y", "git"]

    def test_blanks_after_the_continuation_character_are_allowed(self):
        assert lex("FROM a\nRUN x \\   \n y").instructions[1].value.split() == ["x", "y"]

    def test_escape_directive_changes_the_continuation_character(self):
        lexed = lex("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN dir c:\\ `\n  && echo b\n")
        assert lexed.escape == "`"
        assert lexed.instructions[1].value == "dir c:\\   && echo b"

    def test_directive_after_a_comment_is_a_comment(self):
        assert lex("# hello\n# escape=`\nFROM a").escape == "\\"

    def test_byte_order_mark_and_windows_line_ends_are_taken(self):
        assert lex("\ufeffFROM a\r\nRUN x \\\r\n  y\r\n").instructions[1].value.split() == ["x", "y"]

    def test_keywords_are_in_any_case(self):
        assert [each.keyword for each in lex("from a\nCmd x").instructions] == ["FROM", "CMD"]

    def test_heredoc_of_run_is_its_body_and_no_instruction(self):
        lexed = lex("FROM a\nRUN <<EOF\npip install runpod\nFROM nothing\nEOF\nCMD x")
        assert [each.keyword for each in lexed.instructions] == ["FROM", "RUN", "CMD"]
        assert [each.body for each in lexed.instructions[1].heredocs] == ["pip install runpod\nFROM nothing"]

    def test_several_heredocs_with_quotes_and_tabs(self):
        lexed = lex("FROM a\nCOPY <<-'ONE' <<\"TWO\" /d/\n\tfirst\n\tONE\nsecond\nTWO\nCMD x")
        copy = lexed.instructions[1]
        assert [(each.name, each.body, each.is_expanded) for each in copy.heredocs] == [
            ("ONE", "first", False),
            ("TWO", "second", False),
        ]
        assert copy.words() == ["/d/"]

    def test_shell_text_that_only_looks_like_a_heredoc(self):
        lexed = lex('FROM a\nRUN cat <<<"text" && echo $((1<<2))\nCMD x')
        assert [each.keyword for each in lexed.instructions] == ["FROM", "RUN", "CMD"]

    def test_heredoc_without_an_end_is_refused(self):
        with pytest.raises(DockerfileSyntaxError, match="line 2: the heredoc 'EOF' has no end"):
            lex("FROM a\nRUN <<EOF\npip install x\n")

    def test_unknown_instruction_is_refused_with_its_line(self):
        with pytest.raises(DockerfileSyntaxError, match="line 3: unknown instruction 'RUNN'"):
            lex("FROM a\n\nRUNN x")

    def test_flags_are_taken_from_the_value(self):
        copy = lex("FROM a\nCOPY --from=builder --chown=1:1 --link /a /b").instructions[1]
        assert copy.flags == (("from", "builder"), ("chown", "1:1"), ("link", ""))
        assert copy.words() == ["/a", "/b"]

    def test_exec_form_is_json_and_what_is_no_json_is_shell_form(self):
        instructions = lex('FROM a\nCMD ["a", "b c"]\nCMD [a, b]').instructions
        assert instructions[1].exec_form() == ["a", "b c"]
        assert instructions[2].exec_form() is None

    @pytest.mark.parametrize("text", ["", "# only a comment\n", "ARG X=1\n"])
    def test_without_from_there_is_nothing_to_build(self, text):
        with pytest.raises(DockerfileSyntaxError, match="no FROM"):
            parse(text)

    def test_instruction_before_from_is_refused(self):
        with pytest.raises(DockerfileSyntaxError, match="line 1: RUN before the first FROM"):
            parse("RUN x\nFROM a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${A}", "1-1"),
        ("${B:-two}", "two"),
        ("${A:-two}", "1"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${A:+yes}${B:+no}", "yes"),
        ("${B:-${A}x}", "1x"),
        (r"\$A", "$A"),
        ("a$", "a$"),
    ],
)
def test_expansion(text, expected):
    assert expand(text, {"A": "1", "EMPTY": ""}).text == expected


def test_expansion_reports_what_has_no_value():
    assert expand("${B}/${A}/$C", {"A": "1"}).unknown == ("B", "C")
    assert expand("${B:-x}", {}).unknown == ()


class TestStages:
    def test_bases_are_resolved_through_args_and_build_args(self):
        text = "ARG VERSION=3.10\nARG BASE=python\nFROM --platform=$TARGETPLATFORM ${BASE}:${VERSION}-slim AS Build\n"
        stage = parse(text).final
        assert (stage.base, stage.name, stage.platform) == ("python:3.10-slim", "build", "linux/amd64")
        assert parse(text, VERSION="3.12").final.base == "python:3.12-slim"

    def test_arg_without_a_value_is_reported(self):
        stage = parse("ARG BASE\nFROM ${BASE}").final
        assert (stage.base, stage.base_unknown) == ("", ("BASE",))

    def test_stage_on_a_stage_inherits_what_it_set(self):
        text = (
            "FROM python:3.11 AS base\nENV A=1 B=two\nWORKDIR /app\nCMD python base.py\n"
            "FROM scratch AS other\n"
            "FROM base\nENV B=$A\nWORKDIR src\n"
        )
        dockerfile = parse(text)
        final = dockerfile.final
        assert final.base_image == "python:3.11"
        assert final.environment == {"A": "1", "B": "1"}
        assert final.workdir == "/app/src"
        assert final.command is not None
        assert [stage.index for stage in final.lineage()] == [0, 2]

    def test_variables_of_one_env_see_the_values_from_before_it(self):
        assert parse("FROM a\nENV A=old\nENV A=new B=$A").final.environment == {"A": "new", "B": "old"}

    def test_old_form_of_env(self):
        assert parse("FROM a\nENV KEY some value with = blanks").final.environment == {
            "KEY": "some value with = blanks"
        }

    def test_entrypoint_forgets_the_command_of_the_stage_below(self):
        final = parse('FROM a AS b\nCMD ["x"]\nFROM b\nENTRYPOINT ["y"]').final
        assert final.command is None

    def test_run_keeps_its_heredoc_and_its_place(self):
        run = parse("FROM a\nWORKDIR /w\nRUN <<EOF\npip install x\nEOF").final.steps[0]
        assert isinstance(run, Run)
        assert (run.workdir, "pip install x" in run.command) == ("/w", True)

    @pytest.mark.parametrize(
        ("reference", "why"),
        [
            ("python", "untagged"),
            ("localhost:5000/python", "untagged"),
            ("vllm/vllm-openai:latest", "latest"),
            ("x/y:main-latest", "latest"),
            ("python:3.11-slim", None),
            ("python@sha256:" + "0" * 64, None),
            ("localhost:5000/python:3.11", None),
            ("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", None),
        ],
    )
    def test_floating_bases(self, reference, why):
        assert floating_tag(reference) == why


class TestContext:
    FILES = {
        "handler.py": "",
        "src/rp_handler.py": "",
        "src/util/a.py": "",
        "builder/requirements.txt": "",
        "secret/key.txt": "",
        "data.csv": "",
    }

    def missing(self, tree, text: str, ignore: str | None = None):
        files = {**self.FILES, "Dockerfile": text, **({".dockerignore": ignore} if ignore is not None else {})}
        repository = tree(files)
        context = read_context(repository, PurePosixPath("Dockerfile"))
        return [(each.line, each.source, each.ignored) for each in missing_sources(parse(text), context, repository)]

    @pytest.mark.parametrize(
        "copy",
        [
            "COPY handler.py /",
            "COPY . .",
            "COPY ./src/ /src",
            "COPY src /src",
            "COPY /handler.py /x.py",
            "COPY ../handler.py /x.py",
            "COPY hand*.py src/*.py /app/",
            "COPY nothing*.txt handler.py /app/",
            "COPY --from=other /nowhere /x",
            "COPY --from=busybox:1 /bin/sh /x",
            "ADD https://example.com/a.tar.gz /tmp/",
            "ADD git@github.com:a/b.git /b",
            'COPY ["handler.py", "/with blank/"]',
            "COPY <<EOF /x.txt\nnot a source\nEOF",
            "COPY $UNKNOWN /x",
            "COPY --chown=1:1 builder/requirements.txt /requirements.txt",
        ],
    )
    def test_what_is_there_is_not_missing(self, tree, copy):
        assert self.missing(tree, f"FROM python:3.11 AS other\nFROM python:3.11\n{copy}\n") == []

    @pytest.mark.parametrize(
        ("copy", "source"),
        [
            ("COPY requirements.txt /", "requirements.txt"),
            ("COPY handler.py src/missing.py /app/", "src/missing.py"),
            ("ADD models /models", "models"),
            ("COPY Handler.py /", "Handler.py"),
        ],
    )
    def test_what_is_not_there_is_missing(self, tree, copy, source):
        assert self.missing(tree, f"FROM python:3.11\n\n{copy}\n") == [(3, source, False)]

    def test_source_of_another_stage_is_missing_only_where_it_is_copied(self, tree):
        text = "FROM python:3.11 AS build\nCOPY gone.py /\nFROM python:3.11\nCOPY handler.py /"
        # BuildKit builds no stage that nothing needs.
        assert self.missing(tree, text) == []
        assert self.missing(tree, f"{text}\nCOPY --from=build /lib /lib") == [(2, "gone.py", False)]

    def test_dockerignore_keeps_out(self, tree):
        assert self.missing(tree, "FROM a\nCOPY data.csv /", "*.csv\n") == [(2, "data.csv", True)]
        assert self.missing(tree, "FROM a\nCOPY src /src", "src\n") == [(2, "src", True)]

    def test_dockerignore_exception_brings_back(self, tree):
        assert self.missing(tree, "FROM a\nCOPY src/rp_handler.py /", "**\n!src/rp_handler.py\n") == []
        assert self.missing(tree, "FROM a\nCOPY src /", "src/**\n!src/util\n") == []

    @pytest.mark.parametrize(
        ("rules", "path", "excluded"),
        [
            ("*.md", "README.md", True),
            ("*.md", "docs/README.md", False),
            ("**/*.md", "docs/deep/README.md", True),
            ("**/*.md", "README.md", True),
            ("docs", "docs/deep/README.md", True),
            ("/docs/", "docs/a", True),
            ("*\n!keep", "keep/a", False),
            ("*\n!keep", "other", True),
            ("!keep\n*", "keep", True),
            ("# *.md", "README.md", False),
            ("a?c", "abc", True),
            ("[ab].py", "b.py", True),
            ("te[mp", "te[mp", False),
        ],
    )
    def test_dockerignore_rules(self, rules, path, excluded):
        assert DockerIgnore(rules).excludes(PurePosixPath(path)) is excluded or "[mp" in rules

    def test_files_of_the_image_follow_copy(self, tree):
        repository = tree(self.FILES)
        context = BuildContext(repository, DockerIgnore(""))
        text = (
            "FROM python:3.11 AS build\nCOPY . /build\n"
            "FROM python:3.11\nWORKDIR /app\n"
            "COPY src .\nCOPY handler.py main.py\nCOPY --from=build /build/data.csv /data/\nADD builder/*.txt /reqs/\n"
        )
        files = image_files(text, context)
        assert {name: str(source) for name, source in files.items()} == {
            "/app/rp_handler.py": "src/rp_handler.py",
            "/app/util/a.py": "src/util/a.py",
            "/app/main.py": "handler.py",
            "/data/data.csv": "data.csv",
            "/reqs/requirements.txt": "builder/requirements.txt",
        }

    def test_an_instruction_sees_what_the_lines_before_it_copied(self, tree):
        context = BuildContext(tree(self.FILES), DockerIgnore(""))
        text = "FROM python:3.11\nCOPY handler.py /a.py\nRUN x\nCOPY handler.py data.csv /b/\nCOPY data.csv /a.py\n"
        dockerfile = parse(text)
        stage = stage_files(dockerfile, context)[dockerfile.final.index]
        assert list(stage.before(2)) == []
        assert list(stage.before(3)) == ["/a.py"]
        assert list(stage.before(5)) == list(stage.files) == ["/a.py", "/b/handler.py", "/b/data.csv"]

    @pytest.mark.parametrize(
        ("base", "path"), [("runpod/base:0.6.2", "/workspace/handler.py"), ("python:3.11-slim", "/workspace")]
    )
    def test_later_workdir_tells_of_a_folder_of_the_base(self, tree, base, path):
        context = BuildContext(tree(self.FILES), DockerIgnore(""))
        text = f"FROM {base}\nCOPY handler.py /workspace\nWORKDIR /workspace\n"
        assert list(image_files(text, context)) == [path]

    def test_patterns_that_are_given_up_leave_the_content_unknown(self, tree, monkeypatch):
        monkeypatch.setattr(sources, "_MOST_WORK", -1)
        context = BuildContext(tree(self.FILES), DockerIgnore(""))
        assert context.is_sure
        assert image_files("FROM a\nCOPY *.py /\n", context) == {}
        assert not context.is_sure

    def test_copies_from_elsewhere_are_known(self):
        text = (
            "FROM a AS b\nFROM c\nCOPY --from=b /x /x\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\n"
            "COPY --from=busybox:1 /bin/sh /x\n"
            "ADD x.tar.gz /x\n"
        )
        assert [copy.line for copy in copies_from_elsewhere(parse(text))] == [5, 6]


@pytest.mark.parametrize(
    ("command", "makes"),
    [
        ("tar -xf a.tar", True),
        ("GIT_LFS_SKIP_SMUDGE=1 git  clone x", True),
        ("apt-get install -y git && git pull", True),
        ("apt-get update && apt-get install -y --no-install-recommends git unzip tar curl", False),
        ("apk add \\\n git \\\n tar \\\n && true", False),
        ("git  config --global a.b c", False),
        ("pip install git+https://example.org/a.git idna", False),
    ],
)
def test_commands_that_bring_files(command, makes):
    assert makes_files(command) is makes


class TestCommand:
    def test_quotes_hold_a_command_together(self):
        command = command_of("FROM a\nWORKDIR /srv\nCMD bash -c \"cd /app && python 'a;b.py'  # it's one\"")
        assert (command.target.script, command.target.workdir) == ("/app/a;b.py", "/app")
        assert command.is_sure

    def test_long_script_that_is_started_often_costs_little(self):
        files = {"/a.sh": "bash /b.sh\n" * 300, "/b.sh": "x" * 131_000}
        with cpu_time_below(15):
            assert not command_of('FROM a\nCMD ["bash", "/a.sh"]', files).is_sure

    @pytest.mark.parametrize(
        ("script", "has_company"),
        [
            ("python handler.py", False),
            ("exec python -u handler.py > /tmp/log 2>&1", False),
            ("echo 'a & b' && export A=1 && python handler.py |& cat", False),
            ("python handler.py &\nwait", False),
            ("python -m pip install x\npython handler.py", False),
            ('if [ "$A" ]; then\n  python handler.py --rp_serve_api\nelse\n  python handler.py\nfi', False),
            ("ollama serve &\npython handler.py", True),
            ("nohup ./server --port 1 &> /tmp/log &\npython handler.py", True),
            ("(cd /srv; python server.py) &\npython handler.py", True),
            ("service redis-server start\npython handler.py", True),
            ("python prepare.py && python handler.py", True),
            ("bash /more.sh\npython handler.py", True),
        ],
    )
    def test_what_is_started_beside_the_program(self, script, has_company):
        files = {"/start.sh": script, "/more.sh": "python server.py & sleep 1"}
        command = command_of('FROM a\nCMD ["bash", "/start.sh"]', files)
        assert (command.target.script, command.has_company) == ("/handler.py", has_company)

    def test_shell_form_can_start_a_server_too(self):
        assert command_of("FROM a\nCMD python /s.py & python /h.py").has_company
        assert not command_of("FROM a\nCMD python /h.py").has_company

    def test_apostrophe_in_a_comment_opens_no_quote(self):
        text = "cd /app  # it's here\npython handler.py\n"
        command = command_of('FROM a\nCMD ["bash", "/start.sh"]', {"/start.sh": text})
        assert command.target.script == "/app/handler.py"
        assert command.is_sure

    @pytest.mark.parametrize(
        ("instructions", "script", "arguments"),
        [
            ('CMD ["python", "-u", "/handler.py"]', "/handler.py", ()),
            ("CMD python3.11 -u handler.py --fast", "/app/handler.py", ("--fast",)),
            ('CMD ["python3", "-X", "dev", "src/rp_handler.py"]', "/app/src/rp_handler.py", ()),
            ('ENTRYPOINT ["python3"]\nCMD ["-u", "rp_handler.py"]', "/app/rp_handler.py", ()),
            ('ENTRYPOINT ["tini", "--"]\nCMD ["python", "main.py"]', "/app/main.py", ()),
            ('CMD ["bash", "-c", "cd /src && exec python -u handler.py"]', "/src/handler.py", ()),
            ('CMD ["/usr/bin/env", "python3", "handler.py"]', "/app/handler.py", ()),
            ("CMD MODEL=x python handler.py", "/app/handler.py", ()),
            ("ENV PORT=1\nCMD python handler.py --port $PORT", "/app/handler.py", ("--port", "1")),
            ('CMD ["/app/handler.py"]', "/app/handler.py", ()),
        ],
    )
    def test_python_program_is_found(self, instructions, script, arguments):
        target = command_of(f"FROM a\nWORKDIR /app\n{instructions}").target
        assert target is not None
        assert (target.script, target.arguments) == (script, arguments)

    def test_module_is_found(self):
        target = command_of("FROM a\nWORKDIR /app\nCMD python -u -m src.handler --x").target
        assert target is not None
        assert (target.script, target.module, target.arguments) == (None, "src.handler", ("--x",))

    def test_program_behind_a_script_is_found(self):
        script = (
            "#!/bin/bash\nset -e\n# python not_this.py\nnginx &\n"
            'if [ -n "$X" ]; then\n  python setup.py\nfi\ncd /src\npython -u \\\n  rp_handler.py "$@"\n'
        )
        command = command_of('FROM a\nCMD ["/start.sh"]', {"/start.sh": script})
        assert command.target is not None
        assert command.target.script == "/src/rp_handler.py"
        assert command.files[0] == "/start.sh"
        assert command.appendable is None

    def test_script_that_the_repository_does_not_bring_leads_nowhere(self):
        command = command_of('FROM a\nCMD ["/start.sh"]')
        assert (command.target, command.files) == (None, ("/start.sh",))

    def test_scripts_that_call_each_other_come_to_an_end(self):
        assert command_of('FROM a\nCMD ["/a.sh"]', {"/a.sh": "/b.sh", "/b.sh": "/a.sh"}).target is None

    def test_where_arguments_can_be_appended(self):
        assert command_of('FROM a\nCMD ["python", "h.py"]').appendable == ("python", "h.py")
        assert command_of("FROM a\nCMD python h.py").appendable is None
        assert command_of("FROM a\nCMD python h.py").shell_text == "python h.py"
        assert command_of("FROM a\nCMD a && python h.py").shell_text is None
        assert command_of('FROM a\nENTRYPOINT ["python", "h.py"]').appendable is None

    def test_base_image_that_decides_is_no_command(self):
        assert command_of("FROM a\nRUN x").words == ()

    def test_override_takes_the_commands_place(self):
        target = command_of("FROM a\nCMD python -u /handler.py", override="python3 -u /handler.py --generator").target
        assert target is not None
        assert target.arguments == ("--generator",)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("FROM python:3.10-slim", (3, 10)),
        ("FROM docker.io/library/python:3.12", (3, 12)),
        ("FROM runpod/pytorch:2.1.0-py3.10-cuda11.8.0-devel", (3, 10)),
        ("FROM x/y:py311-cu121", (3, 11)),
        ("FROM runpod/base:0.4.0-cuda11.8.0\nRUN python3.11 -m pip install runpod\nCMD python3.11 /h.py", (3, 11)),
        ("FROM nvidia/cuda:12.1.0-base-ubuntu22.04\nRUN apt-get install -y python3-pip", None),
        ("FROM python:3.9 AS build\nFROM python:3.11", (3, 11)),
    ],
)
def test_python_of_the_image(text, version):
    assert python_version(parse(text)) == version
