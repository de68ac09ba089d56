"""What the commands of RUN instructions bring into a stage: programs, interpreters, packages, files.

Commands of the system stand here, those of Python in `python_effects`. A command that nobody knows may bring anything.
"""

from __future__ import annotations

import posixpath
import re

from janitor.inspection.provision.commands.shell_words import Command, Shell, Surroundings
from janitor.inspection.provision.python_effects import is_of_python, python_effect
from janitor.inspection.provision.system.state import ALL, ANYTHING, BIN_FOLDERS, Removed, StageState
from janitor.inspection.provision.system.system_packages import bare_name
from janitor.inspection.quiet_commands import QUIET_COMMANDS

_NOTHING = QUIET_COMMANDS | frozenset(
    {
        *("add-apt-repository", "addgroup", "adduser", "apt-key", "cd", "chmod", "chpasswd", "chsh"),
        *("debconf", "debconf-set-selections", "declare", "done", "dpkg-divert", "dpkg-reconfigure"),
        *("esac", "fc-cache", "fi", "find", "for", "groupadd", "groupmod", "ldconfig", "let", "local"),
        *("locale-gen", "mkdir", "passwd", "read", "rm", "rmdir", "seq", "strip", "touch", "trap"),
        *("umask", "update-ca-certificates", "update-locale", "useradd", "usermod", "}"),
    }
)
_FILES = frozenset(
    {
        *(
            "wget",
            "aria2c",
            "git",
            "git-lfs",
            "hf",
            "huggingface-cli",
            "gdown",
            "rsync",
            "dd",
            "base64",
            "unzip",
            "tar",
        ),
        *("gunzip", "gsutil", "aws", "modelscope", "kaggle", "7z", "sed", "patch", "split", "xz", "bunzip2", "curl"),
        *("tee", "envsubst", "openssl", "ssh-keygen", "ssh-keyscan", "ffmpeg", "nvcc", "gpg"),
    }
)
"""They make files of their own, wherever they are told to."""
_UNPACKERS = frozenset({"tar", "unzip", "7z", "rsync", "dd"})
_TELLS = frozenset({"--version", "-version", "--help", "-V"})
"""What a program is asked by that only prints."""
_SYSTEM_INSTALLERS = {"apt-get": "install", "apt": "install", "apk": "add", "aptitude": "install"}
_A_PACKAGE = re.compile(r"(/.+/(?:site|dist)-packages)/([A-Za-z_]\w*)")
_ACTIVATES = re.compile(r"(.+)/bin/activate")
_FINDS_AND_RUNS = re.compile(r"^-(?:exec|execdir|ok)$")


def apply(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    """Take in what a command may bring."""
    program = posixpath.basename(command.program)
    _note_written(command, shell, state)
    _take_away(command, shell, state, around)
    if not command.words or program in ("export", "cd"):
        if program == "cd":
            shell.enter(command)
        shell.assign(command)
        return
    if program in (".", "source"):
        _sourced(command, shell, state)
    elif program in _SYSTEM_INSTALLERS:
        _system_packages(command, state, _SYSTEM_INSTALLERS[program])
    elif program in ("ln", "cp", "mv", "install", "update-alternatives"):
        _linked(program, command, shell, state)
    elif is_of_python(program):
        python_effect(command, shell, state, around)
    elif program in ("find", "xargs") and any(map(_FINDS_AND_RUNS.match, command.rest)):
        state.open_files = state.open_files or f"line {around.line}: {program}"
        if not {"rm", "chmod", "chown", "grep", "strip"} & set(command.rest):
            state.open_all(f"line {around.line}: {program}")
    elif program in _NOTHING or (program in _FILES and len(command.rest) == 1 and command.rest[0] in _TELLS):
        return
    elif program in _FILES:
        state.open_files = state.open_files or f"line {around.line}: {program}"
        into_system = any(
            word.startswith(("/usr", "/bin", "/opt", "/etc", "-C/usr")) or word == "/" for word in command.rest
        )
        if into_system and (program in _UNPACKERS or program in ("wget", "curl", "git")):
            state.open_all(f"line {around.line}: {program}")
    else:
        # What a shell reads from a pipe or a script, a build, a program of the image: anything.
        state.open_all(f"line {around.line}: {program[:40]}")


def _take_away(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    """Packages, and environments as a whole, that `rm -r` takes away."""
    recursive = any(re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*|--recursive", word) for word in command.rest)
    if posixpath.basename(command.program) != "rm" or not recursive or not around.is_sure or not shell.is_workdir_known:
        return
    for word in (word for word in command.rest if not word.startswith("-")):
        path = shell.absolute(word.removesuffix("/*"))
        if re.search(r"[$`*?\[{~]", path):
            continue
        match = _A_PACKAGE.fullmatch(path)
        gone = {match[1]: match[2].lower().replace("_", "-")} if match and not word.endswith("/*") else {}
        inside = [folder for folder in state.sites if f"{folder}/".startswith(f"{path.rstrip('/')}/")]
        gone.update(dict.fromkeys(inside, ALL))
        # Where more may lie there than is known, it may do without.
        for folder, name in gone.items() if state.open_packages is None else ():
            taken = Removed(line=around.line, place=around.place, folder=folder, names=(name,), is_by_hand=True)
            state.removed.append(taken)
        for program in [each for each in state.programs if each.startswith(f"{path.rstrip('/')}/")]:
            if (found := state.programs[program]) is not None and found.folder is not None:
                del state.programs[program]


def _note_written(command: Command, shell: Shell, state: StageState) -> None:
    for path in command.written:
        if re.search(r"[$`*]", path):
            state.open_files = state.open_files or "a file by a name that a shell makes"
        elif posixpath.dirname(shell.absolute(path)) in BIN_FOLDERS:
            state.programs[shell.absolute(path)] = None


def _sourced(command: Command, shell: Shell, state: StageState) -> None:
    name = command.rest[0] if command.rest else ""
    match = _ACTIVATES.fullmatch(name)
    if match and command.is_clear and shell.is_workdir_known:
        shell.activate(shell.absolute(match[1]))
    else:
        shell.is_path_known = False


def _system_packages(command: Command, state: StageState, action: str) -> None:
    if {"source", "download", "build-dep"} & set(command.rest):
        state.open_files = state.open_files or f"a command of {command.program}"
    if action not in command.rest:
        return
    words = command.rest[command.rest.index(action) + 1 :]
    names: set[str] = set()
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = word in ("-t", "-o", "--target-release", "--repository", "-X", "--virtual") and not skip
            continue
        names.add(ANYTHING if re.search(r"[$`*/?\[(]", word) and "/" not in word[1:] else bare_name(word))
    if any(word.endswith(".deb") or word.startswith(("./", "/")) for word in words) or not names:
        names.add(ANYTHING)
    state.add_system_packages(names)


def _linked(program: str, command: Command, shell: Shell, state: StageState) -> None:
    """A program gets another name, or a file comes to lie elsewhere."""
    words = [word for word in command.rest if not word.startswith("-")]
    if program == "update-alternatives":
        plain = {word for word in words if word.startswith("/")}
        pair = words[:3:2] if command.rest[:1] == ("--install",) else []
        names = {posixpath.basename(path) for path in plain}
        state.names |= names
        if len(pair) == 2 and all(word.startswith("/") for word in pair):
            _name(state, pair[1], pair[0])
        elif not words[:1]:
            state.names |= {"python", "python3", "pip"}
        return
    state.names |= {posixpath.basename(word) for word in words[1:]}
    if len(words) < 2 or any(re.search(r"[$`*?(]", word) for word in words[-1:]):
        state.open_files = state.open_files or f"{program} to a place that a shell makes"
        if program != "ln" or len(words) != 1:
            state.names |= {"python", "python3", "pip", "pip3"}
        return
    target, destination = words[-2], shell.absolute(words[-1])
    if program == "ln" or len(words) == 2:
        if destination in BIN_FOLDERS or words[-1].endswith("/"):
            destination = posixpath.join(destination, posixpath.basename(target))
        source = target if target.startswith("/") else posixpath.join(posixpath.dirname(destination), target)
        _name(state, posixpath.normpath(source), destination)
        if program != "ln":
            state.vague.append(destination)
            _moved_tree(state, shell.absolute(target), destination)
    else:
        state.vague.append(destination)
        state.open_files = state.open_files or f"{program} of several files"


def _name(state: StageState, source: str, destination: str) -> None:
    """A program by another name. Whoever gives the system's own names anew leaves open what they mean."""
    found = None if re.search(r"[$`*?(]", source) else state.programs.get(source)
    is_new = destination not in state.programs
    state.programs[destination] = found if is_new or found is not None else None
    state.names.add(posixpath.basename(destination))
    if source in state.pips:
        state.pips[destination] = state.pips[source]
    if not is_new and destination == "/usr/bin/python3":
        # pip's first line names it: whose packages it installs from now on isn't known.
        state.pips = {path: owner for path, owner in state.pips.items() if owner != destination}


def _moved_tree(state: StageState, source: str, destination: str) -> None:
    """Packages and programs that are copied or moved with the folder around them."""
    inside = any(folder.startswith(f"{source.rstrip('/')}/") or folder == source for folder in state.sites)
    inside = inside or any(path.startswith(f"{source.rstrip('/')}/") for path in state.programs)
    if inside or "site-packages" in destination or "dist-packages" in destination:
        state.open_packages = state.open_packages or f"a copy of {source}"
