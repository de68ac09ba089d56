"""What a RUN instruction does to an image's places: command by command, as far as each can be read.

A command that isn't understood may have done anything: from then on nothing is known. One that is known to add files
alone (a package manager, a download) leaves what is there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from janitor.inspection.dockerfile.command import is_python, is_shell, without_wrappers
from janitor.inspection.dockerfile.steps import Run
from janitor.inspection.image.file_commands import FileCommands, option_value
from janitor.inspection.image.places import ImagePlaces, PlaceKind
from janitor.inspection.image.run_commands import RunCommand, run_commands
from janitor.inspection.image.search_commands import find_changes
from janitor.inspection.quiet_commands import QUIET_COMMANDS
from janitor.inspection.shell_pieces import without_redirections

_SYSTEM = ("/usr", "/etc", "/var", "/opt", "/root", "/home", "/run", "/lib", "/bin", "/sbin", "/srv", "/mnt")
_PACKAGES = ("/usr/local", "/opt", "/root", "/home", "/var")
_QUIET = QUIET_COMMANDS | frozenset(
    {
        *("arch", "base64", "break", "continue", "free", "getconf", "getent", "hostname", "jq", "lscpu"),
        *("nvcc", "openssl", "popd", "printenv", "shasum", "tree"),
    }
)
"""Commands that leave all files as they are; what they print may go to one."""
_INSTALLERS = frozenset(
    {
        *("apt", "apt-get", "aptitude", "apk", "yum", "dnf", "microdnf", "dpkg", "rpm", "zypper", "pacman", "snap"),
        *("add-apt-repository", "apt-key", "gpg", "ldconfig", "locale-gen", "update-alternatives", "dpkg-reconfigure"),
        *("update-ca-certificates", "useradd", "adduser", "groupadd", "addgroup", "usermod", "passwd", "chpasswd"),
        *("update-locale", "debconf-set-selections", "service", "a2enmod", "corepack"),
    }
)
"""Commands that change folders of the system alone."""
_USERS = frozenset({"useradd", "adduser", "usermod"})
_PYTHON_INSTALLERS = re.compile(r"pip(?:\d[\d.]*)?|pipx|uv|uvx|conda|mamba|micromamba|ensurepip|easy_install")
_PROJECT_TOOLS = frozenset({"poetry", "pdm", "pipenv", "rye", "npm", "yarn", "pnpm", "nltk", "spacy"})
_DOWNLOADERS = frozenset({"huggingface-cli", "hf", "modelscope", "aws", "gsutil", "gcloud", "aria2c", "gdown"})
_LOCAL_PACKAGE = re.compile(r"(?:\.{1,2}(?:/.*)?|/.*|.*/)(?:\[[\w,.-]*\])?")
_ELSEWHERE = frozenset(
    {
        *("-e", "--editable", "sync", "build", "develop", "create", "-t", "--target", "--prefix", "--root", "-p", "-d"),
        *("--dest", "export", "lock", "init"),
    }
)
"""Words by which an installer writes into folders of the repository's own, or of anybody's choice."""
_HARMLESS_MODULES = frozenset({"pip", "venv", "compileall", "ensurepip", "virtualenv", "site", "torch", "platform"})
_REACHES_FILES = re.compile(
    r"chmod|subprocess|\bsystem\b|popen|shutil|remove|unlink|rename|replace|rmtree|symlink|\bexec|\beval|importlib|runpy"
    r"|write|\bopen\s{0,3}\([^)\n]{0,200}[\"'][rbt]?[wax]|fileinput|touch\b|\bsh\b"
)
_SETTINGS = re.compile(r"activate$|bashrc$|profile$|conda\.sh$|/env$|os-release$|environment$|nvm\.sh$")
_OWN_PACKAGES = re.compile(r"(?m)^[ \t]*(?:-e\b|--editable|\.|/|file:|[\w./-]+/[ \t]*$)")
_ADDRESS = re.compile(r"://|^git@")
_GLUED_OUTPUT = re.compile(r"-[a-zA-Z]*[oO](?!-$).+")
_OWN_OUTPUT = re.compile(r"-[a-zA-Z]*[oO]|--output(?:-document)?(?:=.*)?")
_DEPTH = 3

ScriptReader = Callable[[str], "str | None"]
"""Text of a script that the image holds, by absolute path."""


@dataclass(frozen=True, kw_only=True)
class _State:
    """Where a text's commands are run."""

    line: int
    is_sure: bool
    depth: int


class RunFiles:
    """Does what the RUN instructions of a stage do.

    Args:
        places: The stage's file system.
        read: Reads scripts that the image holds.
    """

    def __init__(self, places: ImagePlaces, read: ScriptReader) -> None:
        self._places = places
        self._read = read
        self._folder: str | None = None
        self._inputs: list[str] = []

    def apply(self, run: Run) -> None:
        """Do what one RUN does."""
        self._places.make_folder(run.workdir, run.line)
        self._folder = run.workdir
        self._inputs = list(run.heredocs)
        # What lies behind a mount is no part of the image.
        covers = any(self._places.names(each) or self._places.at(each).file for each in run.covered)
        state = _State(line=run.line, is_sure=not covers, depth=_DEPTH)
        if self._inputs and not without_redirections(run.own)[0].strip():
            text = "\n".join(self._inputs)
            interpreter = re.match(r"#!\s*(\S+)(?:\s+(\S+))?", text)
            if interpreter and not any(is_shell(each or "") for each in interpreter.groups()):
                self._program_text(text, state)
                return
            self._text(text, run, state)
        else:
            self._text(run.own, run, state)

    def _text(self, text: str, run: Run, state: _State) -> None:
        commands = run_commands(text, run.environment)
        if commands is None or state.depth == 0:
            self._anything(state)
            return
        outer = self._folder
        nested: list[str | None] = []
        for command in commands:
            if command.is_nested and not nested:
                nested = [self._folder]
            own = state if command.is_sure else _State(line=state.line, is_sure=False, depth=state.depth)
            if command.words:
                self._command(command, run, own)
            self._redirected(command, own)
            if command.ends_nested and nested:
                self._folder, nested = nested[0], []
        if state.depth < _DEPTH:
            self._folder = outer

    def _command(self, command: RunCommand, run: Run, state: _State) -> None:
        words = without_wrappers(list(command.words))
        if not words:
            return
        name = posixpath.basename(words[0])
        if name in ("cd", "pushd"):
            self._moved(words, state)
        elif is_shell(words[0]):
            self._shell(words, command, run, state)
        elif is_python(words[0]):
            self._python(words, command, state)
        elif self._files(state).does(words):
            return
        elif name == "find":
            find_changes(words, self._places, folder=self._folder, line=state.line)
        elif name in ("source", ".") and len(words) > 1 and _SETTINGS.search(words[1]):
            return
        elif not self._adds(name, words, state) and name not in _QUIET:
            self._anything(state)

    def _adds(self, name: str, words: list[str], state: _State) -> bool:
        """Whether it is a command that only adds files, which is done then."""
        if name in _INSTALLERS:
            for folder in ["/"] if _brings_any(words) else _SYSTEM:
                self._places.fill(folder)
            for word in words[1:] if name in _USERS else ():
                # A home is made where it is said to be.
                if word.startswith("/"):
                    self._places.fill(word)
        elif _PYTHON_INSTALLERS.fullmatch(name):
            self._installed(words)
        elif name in _PROJECT_TOOLS:
            self._filled_everywhere()
        elif name == "git":
            self._git(words, state)
        elif name in ("wget", "curl"):
            self._download(words, state)
        elif name in ("tar", "unzip", "7z", "bsdtar"):
            self._unpacked(words, state)
        elif name in _DOWNLOADERS:
            self._places.fill("/")
        else:
            return False
        return True

    # -- kinds of commands

    def _files(self, state: _State) -> FileCommands:
        return FileCommands(self._places, line=state.line, folder=self._folder, is_sure=state.is_sure)

    def _moved(self, words: list[str], state: _State) -> None:
        plain = len(words) == 2 and not re.search(r"[$`~*?{}]|^-", words[1])
        if not plain or self._folder is None or not state.is_sure:
            self._folder = None
        else:
            self._folder = posixpath.normpath(posixpath.join(self._folder, words[1]))

    def _shell(self, words: list[str], command: RunCommand, run: Run, state: _State) -> None:
        inner = _State(line=state.line, is_sure=state.is_sure, depth=state.depth - 1)
        rest = words[1:]
        while rest and rest[0].startswith("-"):
            if "c" in rest[0] and not rest[0].startswith("--") and len(rest) > 1:
                self._text(rest[1], run, inner)
                return
            rest = rest[1:]
        path = posixpath.join(self._folder or "/", rest[0]) if rest else ""
        script = self._read(posixpath.normpath(path)) if rest and self._folder is not None else None
        if script is not None:
            # Its own conditions and ends are its own: what it does is done perhaps.
            self._text(script, run, _State(line=state.line, is_sure=False, depth=state.depth - 1))
        elif not rest and self._inputs and "<<" in command.text:
            self._text(self._inputs[0], run, inner)
        else:
            self._anything(state)

    def _python(self, words: list[str], command: RunCommand, state: _State) -> None:
        rest = words[1:]
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
            if rest[0] in ("--version", "-V", "-VV", "--help"):
                return
            rest = rest[2 if rest[0] in ("-W", "-X") else 1 :]
        if rest[:1] == ["-m"] and len(rest) > 1:
            self._module(rest[1:], state)
        elif rest[:1] == ["-c"] and len(rest) > 1:
            self._program_text(rest[1], state)
        elif not rest or rest[0] == "-":
            self._program_text("\n".join(self._inputs) if "<<" in command.text else "exec", state)
        else:
            path = posixpath.normpath(posixpath.join(self._folder or "/", rest[0]))
            text = self._read(path) if self._folder is not None else None
            self._program_text("exec" if text is None else text, state)

    def _module(self, words: list[str], state: _State) -> None:
        name = words[0].partition(".")[0]
        if name in ("venv", "virtualenv"):
            for word in [word for word in words[1:] if not word.startswith("-")]:
                self._places.fill("/" if "$" in word else posixpath.join(self._folder or "/", word))
        elif name == "pip":
            self._installed(words)
        elif name in _PROJECT_TOOLS or name in _HARMLESS_MODULES or name == "huggingface_hub":
            self._filled_everywhere()
        else:
            self._anything(state)

    def _program_text(self, text: str, state: _State) -> None:
        """A program of which the text is known: one that reaches for no file but what it fetches leaves the others."""
        if _REACHES_FILES.search(text):
            self._anything(state)
        else:
            self._places.fill("/")

    def _installed(self, words: list[str]) -> None:
        for folder in _PACKAGES:
            self._places.fill(folder)
        stated = {word.partition("=")[0] for word in words}
        is_local = any(_LOCAL_PACKAGE.fullmatch(word) for word in words[1:] if not _is_requirement(word))
        if stated & _ELSEWHERE or is_local or self._asks_for_own_packages(words):
            self._filled_everywhere()
        elif posixpath.basename(words[0]) in ("uv", "uvx") and words[1:2] != ["pip"]:
            # Where it puts Pythons, tools and environments is told by options and variables.
            self._places.fill("/")

    def _asks_for_own_packages(self, words: list[str]) -> bool:
        """Whether a file of requirements names, or may name, a package of the repository itself."""
        for index, word in enumerate(words[:-1]):
            if word in ("-r", "--requirement", "-c", "--constraint"):
                path = posixpath.normpath(posixpath.join(self._folder or "/", words[index + 1]))
                text = self._read(path) if self._folder is not None else None
                if text is None or _OWN_PACKAGES.search(text):
                    return True
        return False

    def _filled_everywhere(self) -> None:
        """What the repository's own package becomes lies wherever its build puts it."""
        self._places.fill("/")
        self._places.is_read = False

    def _git(self, words: list[str], state: _State) -> None:
        plain = [word for word in words[1:] if not word.startswith("-")]
        if plain[:1] == ["config"] or words[1:3] == ["lfs", "install"] or words[1:2] == ["--version"]:
            return
        if plain[:1] == ["clone"] and "-C" not in words and self._folder is not None:
            address = next((index for index, word in enumerate(words) if _ADDRESS.search(word)), None)
            if address is not None and "$" not in " ".join(words[address:]):
                # Where options come behind the address, a word among them may be the folder's name.
                after = [word for word in words[address + 1 :] if not word.startswith("-")]
                has_options = len(after) < len(words) - address - 1
                own = [posixpath.basename(words[address].rstrip("/")).removesuffix(".git")]
                for name in [*own, *after] if has_options else after[:1] or own:
                    self._places.blur(posixpath.normpath(posixpath.join(self._folder, name)), state.line)
                return
        if self._folder is None or "$" in " ".join(words[:3]) or "-C" in words or "clone" in plain:
            self._anything(state)
        else:
            self._places.blur(self._folder, state.line)

    def _download(self, words: list[str], state: _State) -> None:
        is_wget = posixpath.basename(words[0]) == "wget"
        files = self._files(state)
        for index, word in enumerate(words[1:], start=1):
            if word.startswith("-") and not word.startswith("--") and _GLUED_OUTPUT.fullmatch(word):
                self._anything(state)
            if not _OWN_OUTPUT.fullmatch(word) or (word.endswith("O") and not is_wget):
                continue
            stated = word.partition("=")[2] or (words[index + 1] if index + 1 < len(words) else "")
            if stated and stated != "-":
                files.writes(stated)
        if is_wget or any(re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name(?:-all)?", word) for word in words):
            folder = option_value(words, "-P", "--directory-prefix", "--output-dir")
            place = folder if folder is not None and "$" not in folder else "."
            self._places.fill(posixpath.join(self._folder, place) if self._folder is not None and place else "/")

    def _unpacked(self, words: list[str], state: _State) -> None:
        stated = option_value(words, "-C", "--directory", "-d")
        glued = next((word[2:] for word in words if re.fullmatch(r"-[od](?:/|\./).*", word)), None)
        place = stated or glued or "."
        if self._folder is None or "$" in place:
            self._anything(state)
        else:
            self._places.blur(posixpath.normpath(posixpath.join(self._folder, place)), state.line)

    def _redirected(self, command: RunCommand, state: _State) -> None:
        for each in command.redirections:
            if not each.operator.startswith(("<", ">&")) and each.file not in ("", "/dev/null", "&1", "&2"):
                word = each.file.strip("\"'")
                text = self._inputs[0] if len(self._inputs) == 1 and _is_plain_cat(command) else None
                if self._folder is None:
                    self._anything(state)
                else:
                    self._files(state).writes(word, text=text)

    def _anything(self, state: _State) -> None:
        self._places.blur("/", state.line)
        self._places.is_read = False
        if self._folder is not None and self._places.at(self._folder).kind is PlaceKind.UNKNOWN:
            self._places.make_folder(self._folder, None)


def _brings_any(words: list[str]) -> bool:
    """Whether packages are installed that no distribution has looked at: their files can lie anywhere."""
    return words[0] in ("dpkg", "rpm") or any(word.endswith((".deb", ".rpm", ".apk")) for word in words[1:])


def _is_plain_cat(command: RunCommand) -> bool:
    return command.words == ("cat",) and "<<" in command.text


def _is_requirement(word: str) -> bool:
    return word.startswith("-") or "://" in word or word.endswith((".txt", ".whl", ".in"))
