"""Which files a patch may not touch."""

from __future__ import annotations

import posixpath
import re
import unicodedata

from janitor.domain.repair.rules.rule import Change, Rule

_GIT_SHORT = re.compile(r"g(?:it|i)~\d+")
"""`.git` by its short name. Source: git's verify_path, "git~1" and what NTFS makes of it."""
_IGNORED_ON_DISKS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ passes over in a name. Source: git, utf8.c, is_hfs_dotgit."""
_CI_FOLDERS = frozenset(
    {*(".circleci", ".buildkite", ".gitlab", ".github", ".forgejo", ".gitea", ".woodpecker", ".tekton", ".ci")}
)
_OLDER_TESTS = (".github", "tests.json")
"""The older place of a worker's tests: among GitHub's files, and no workflow."""
_CI_FILES = re.compile(
    r"\.gitlab-ci.*|\.travis\.ya?ml|azure-pipelines.*|jenkinsfile.*|\.drone\.ya?ml|bitbucket-pipelines\.ya?ml"
    r"|appveyor\.ya?ml|\.appveyor\.ya?ml|\.cirrus\.ya?ml|cloudbuild\.ya?ml|\.pre-commit-(?:config|hooks)\.ya?ml"
    r"|\.woodpecker\.ya?ml|codecov\.ya?ml|\.codecov\.ya?ml|renovate\.json5?|\.renovaterc.*|\.?dependabot\.ya?ml"
)
_PEOPLE = re.compile(
    r"codeowners|owners|maintainers(?:\..*)?|(?:un)?licen[cs]e(?:[-_.].*)?|copying(?:\..*)?|notice(?:\..*)?"
    r"|security(?:\..*)?|code_of_conduct(?:\..*)?|contributing(?:\..*)?"
)
_AGENT_FOLDERS = frozenset(
    {*(".claude", ".cursor", ".aider", ".continue", ".windsurf", ".codex", ".gemini", ".roo", ".clinerules", ".vscode")}
)
_AGENT_FILES = re.compile(
    r"(?:agents?|claude|gemini|copilot-instructions|conventions|skill)(?:\.[\w-]+)?\.mdx?|\.cursorrules|\.windsurfrules"
    r"|\.clinerules|\.aider.*|\.mcp\.json|mcp\.json|llms(?:-full)?\.txt|\.goosehints|\.roorules.*"
)


def parts_of(path: str) -> tuple[str, ...]:
    """A path's parts as a disk that folds case and ignores what can't be seen would have them."""
    folded = _IGNORED_ON_DISKS.sub("", unicodedata.normalize("NFKC", path)).casefold()
    return tuple(folded.replace("\\", "/").split("/"))


def _is_of_git(parts: tuple[str, ...]) -> bool:
    if parts == _OLDER_TESTS:
        return False
    names = [part.rstrip(". ").partition(":")[0] for part in parts]
    return any(name == ".git" or _GIT_SHORT.fullmatch(name) or name.startswith(".git") for name in names)


def _outside(change: Change) -> str | None:
    for path in _all_paths(change):
        parts = parts_of(path)
        if path.startswith(("/", "~")) or "\\" in path or not {"", ".", ".."}.isdisjoint(parts):
            return f"{path} is no path within the repository"
        if not path.isprintable() or len(path) > 400:
            return f"{path!a} is no path of the usual kind"
    return None


def _of_git(change: Change) -> str | None:
    # A workflow is told as what it is.
    found = (path for path in _all_paths(change) if _is_of_git(parts_of(path)) and not _is_ci(parts_of(path)))
    return next((f"{path} is git's" for path in found), None)


def _is_ci(parts: tuple[str, ...]) -> bool:
    return parts != _OLDER_TESTS and (
        not _CI_FOLDERS.isdisjoint(parts[:-1]) or _CI_FILES.fullmatch(parts[-1]) is not None
    )


def _ci(change: Change) -> str | None:
    return next((f"{path} says what CI does" for path in _all_paths(change) if _is_ci(parts_of(path))), None)


def _people(change: Change) -> str | None:
    found = (path for path in _all_paths(change) if _PEOPLE.fullmatch(parts_of(path)[-1]))
    return next((f"{path} is for people alone to change" for path in found), None)


def _agents(change: Change) -> str | None:
    for path in _all_paths(change):
        parts = parts_of(path)
        if not _AGENT_FOLDERS.isdisjoint(parts[:-1]) or _AGENT_FILES.fullmatch(parts[-1]):
            return f"{path} gives instructions to agents"
    return None


def _all_paths(change: Change) -> list[str]:
    return [path for file in change.files for path in dict.fromkeys((file.diff.old_path, file.diff.path))]


def extension(path: str) -> str:
    """A file's extension, in lower case."""
    return posixpath.splitext(path.lower())[1]


PATH_RULES = (
    Rule(
        name="path_outside",
        refuses="paths that lead out of the repository, or aren't of the usual kind",
        example="../../etc/cron.d/x",
        broken=_outside,
    ),
    Rule(
        name="ci_file",
        refuses="files that say what CI does",
        example=".github/workflows/test.yml",
        broken=_ci,
    ),
    Rule(name="git_file", refuses="files of git's own, however they are spelt", example=".GIT/hooks/x", broken=_of_git),
    Rule(
        name="people_file",
        refuses="owners, licence, security policy and rules of conduct",
        example="CODEOWNERS",
        broken=_people,
    ),
    Rule(
        name="agent_file",
        refuses="instructions and settings of agents and editors",
        example="AGENTS.md",
        broken=_agents,
    ),
)
