"""What the commands that move files about do to an image's places: rm, mv, cp, ln, mkdir, chmod, sed -i."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from janitor.inspection.dockerfile.patterns import CopyPattern
from janitor.inspection.image.file_modes import changed_mode
from janitor.inspection.image.places import ImageFile, ImagePlaces, Place, PlaceKind

_NEW_FILE, _MASK = 0o644, 0o022
"""What a shell's new file gets in a build. Source: BuildKit starts processes with umask 0022."""
_GLOB = re.compile(r"[*?\[]")
_UNCLEAR = re.compile(r"[$`{}~]")
_OF_HOME = re.compile(r"(?:~|\$HOME|\$\{HOME\})/\.")
"""A settings file of whoever builds."""
_RETURNS = re.compile(r"s(.)(?:\\r|\\x0[dD]|\\015|\^M)\+?\$?\1\1[gi]*")
_WITH_VALUE = {
    "install": frozenset({"-m", "-o", "-g", "-t", "-S"}),
    "cp": frozenset({"-t", "-S"}),
    "mv": frozenset({"-t", "-S"}),
    "touch": frozenset({"-d", "-r", "-t"}),
    "mkdir": frozenset({"-m"}),
    "truncate": frozenset({"-s", "-r"}),
}


class FileCommands:
    """Does what a command does, as far as it can be read; what only perhaps happens makes its places unknown.

    Args:
        places: The stage's file system.
        line: Of the RUN instruction.
        folder: Where the command is run; None where that can't be told.
        is_sure: Whether it is run in every build that succeeds.
    """

    def __init__(self, places: ImagePlaces, *, line: int, folder: str | None, is_sure: bool) -> None:
        self._places = places
        self._line = line
        self._folder = folder
        self._is_sure = is_sure
        self._known: dict[str, Callable[[list[str]], None]] = {
            "rm": self._rm,
            "rmdir": self._rm,
            "unlink": self._rm,
            "mkdir": self._mkdir,
            "touch": self._touch,
            "truncate": self._write_all,
            "tee": self._write_all,
            "cp": lambda words: self._copy(words, "cp"),
            "mv": lambda words: self._copy(words, "mv"),
            "install": lambda words: self._copy(words, "install"),
            "ln": self._ln,
            "chmod": self._chmod,
            "sed": self._sed,
            "dos2unix": self._dos2unix,
        }

    def does(self, words: Sequence[str]) -> bool:
        """Do what a command does; whether it is one of these."""
        name = posixpath.basename(words[0])
        if name not in self._known:
            return False
        if self._folder is None:
            self._places.blur("/", self._line)
            self._places.is_read = False
        else:
            self._known[name](list(words))
        return True

    def writes(self, word: str, *, text: str | None = None) -> None:
        """A command's output goes to a file."""
        path = self._path(word)
        if _OF_HOME.match(word):
            self._places.blur("/root", self._line)
            self._places.fill("/home")
        elif path is None:
            self._anywhere()
        elif not path.startswith("/dev/"):
            self._write(path, text)

    # -- the commands

    def _rm(self, words: list[str]) -> None:
        is_deep = _has(words, "rR") or "--recursive" in words
        for path in self._all(_plain(words[1:])):
            kind = self._places.at(path, follows=False).kind
            # Without -r a folder stays; what nobody knows may be one.
            is_told = is_deep or kind in (PlaceKind.FILE, PlaceKind.LINK, PlaceKind.ABSENT)
            if self._is_sure and is_told:
                self._places.remove(path, self._line)
            elif is_told or kind is PlaceKind.UNKNOWN or words[0].endswith("rmdir"):
                self._places.blur(path, self._line)

    def _mkdir(self, words: list[str]) -> None:
        for path in self._all(_plain(words[1:], _WITH_VALUE["mkdir"])):
            self._folder_at(path)

    def _touch(self, words: list[str]) -> None:
        for path in self._all(_plain(words[1:], _WITH_VALUE["touch"])):
            if self._places.at(path).kind is not PlaceKind.FILE:
                self._write(path, "")

    def _write_all(self, words: list[str]) -> None:
        for path in self._all(_plain(words[1:], _WITH_VALUE["truncate"])):
            self._write(path, None)

    def _copy(self, words: list[str], name: str) -> None:
        options = _WITH_VALUE[name]
        plain = _plain(words[1:], options)
        into = option_value(words, "-t", "--target-directory")
        if name == "install" and _has(words, "d"):
            for path in self._all(plain):
                self._folder_at(path)
            return
        if into is None and len(plain) < 2:
            return
        sources = self._all(plain if into is not None else plain[:-1])
        target_word = into if into is not None else plain[-1]
        target = self._path(target_word)
        if target is None:
            self._anywhere()
            return
        there = self._places.at(target)
        is_folder = there.kind is PlaceKind.FOLDER and not _has(words, "T")
        is_told = is_folder or there.kind in (PlaceKind.ABSENT, PlaceKind.FILE)
        must_be = into is not None or target_word.endswith("/") or len(plain) > 2
        if not self._is_sure or not is_told or (must_be and not is_folder) or _merges(plain[:-1]):
            self._places.blur(target, self._line)
            for source in sources if name == "mv" else ():
                self._places.blur(source, self._line)
            return
        mode = _install_mode(words) if name == "install" else None
        for source in sources:
            end = posixpath.join(target, posixpath.basename(source)) if is_folder else target
            self._transfer(source, end, moves=name == "mv", mode=mode)

    def _ln(self, words: list[str]) -> None:
        plain = _plain(words[1:], frozenset({"-t", "-S"}))
        if len(plain) == 1:
            plain = [*plain, "."]
        target = self._path(plain[-1]) if len(plain) == 2 else None
        if target is None or _UNCLEAR.search(plain[0]):
            self._anywhere()
            return
        there = self._places.at(target)
        if there.kind is PlaceKind.FOLDER and not _has(words, "nT"):
            target = posixpath.join(there.path, posixpath.basename(plain[0].rstrip("/")))
        elif there.kind is PlaceKind.UNKNOWN and target_may_be_folder(target):
            self._places.blur(target, self._line)
            return
        if not self._is_sure:
            self._places.blur(target, self._line)
        elif _has(words, "s") or "--symbolic" in words:
            self._places.link(target, plain[0], self._line)
        else:
            self._transfer(self._path(plain[0]) or plain[0], target, moves=False, mode=None)

    def _chmod(self, words: list[str]) -> None:
        # A mode may begin with a dash, as an option does.
        is_deep = _has(words, "R") or "--recursive" in words
        given = [word for word in words[1:] if not re.fullmatch(r"-[Rvcf]+|--[a-z-]+(?:=.*)?", word)]
        by_reference = any(word.startswith("--reference") for word in words)
        modes, files = ("", given) if by_reference or not given else (given[0], given[1:])
        if any(_UNCLEAR.search(word) for word in files):
            files, is_deep, modes = ["/"], True, ""
        for path in self._all(files):
            below = self._places.files_below(path) if is_deep else [(path, self._places.at(path).file)]
            for each, file in list(below):
                if file is not None:
                    mode = changed_mode(file.mode, modes) if self._is_sure else None
                    self._places.change(each, mode=mode)

    def _sed(self, words: list[str]) -> None:
        if not any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in words[1:]):
            return
        scripts = [words[index + 1] for index, word in enumerate(words[:-1]) if word in ("-e", "--expression")]
        has_script = bool(scripts) or any(word in ("-f", "--file") for word in words)
        plain = _plain(words[1:], frozenset({"-e", "--expression", "-f", "--file"}))
        scripts = scripts or plain[:1]
        only_returns = len(scripts) == 1 and _RETURNS.fullmatch(scripts[0]) is not None
        for path in self._all(plain if has_script else plain[1:]):
            self._rewritten(path, loses_returns=only_returns)

    def _dos2unix(self, words: list[str]) -> None:
        plain = _plain(words[1:])
        if _has(words, "n"):
            self._write_all(["tee", *plain[1::2]])
            return
        for path in self._all(plain):
            self._rewritten(path, loses_returns=True)

    # -- one file

    def _write(self, path: str, text: str | None) -> None:
        """A file gets other content; a new one is made."""
        there = self._places.at(path)
        if there.kind is PlaceKind.FILE:
            self._places.change(path, is_changed=True)
        elif there.kind is PlaceKind.ABSENT and self._is_sure:
            file = ImageFile(line=self._line, mode=_NEW_FILE, text=text, is_changed=text is None)
            self._places.put(there.path, file)
        else:
            # Whether it was there before, with which mode, can't be told.
            self._places.blur(path, self._line)

    def _rewritten(self, path: str, *, loses_returns: bool) -> None:
        for each, file in list(self._places.files_below(path)):
            if loses_returns and self._is_sure and not file.is_changed:
                self._places.change(each, lost_returns=True)
            else:
                self._places.change(each, is_changed=True)

    def _folder_at(self, path: str) -> None:
        if self._is_sure or self._places.at(path).kind is PlaceKind.FOLDER:
            self._places.make_folder(path, self._line)
        else:
            self._places.blur(path, self._line)

    def _transfer(self, source: str, target: str, *, moves: bool, mode: int | None) -> None:
        """Copy or move one file or folder to where it is to be."""
        found = self._places.at(source, follows=not moves)
        inside = f"{target}/".startswith(f"{found.path.rstrip('/')}/")
        is_known = found.kind in (PlaceKind.FILE, PlaceKind.FOLDER, PlaceKind.LINK) and not inside
        is_free = self._places.at(target).is_absent or found.kind is not PlaceKind.FOLDER
        if not is_known or not is_free:
            self._places.blur(target, self._line)
        elif found.file is not None:
            self._places.put(target, self._arrived(found, self._places.at(target), moves=moves, mode=mode))
        else:
            self._places.graft(self._places, found.path, target, self._line)
        if moves:
            self._places.remove(source, self._line)

    def _arrived(self, found: Place, there: Place, *, moves: bool, mode: int | None) -> ImageFile:
        file = found.file
        assert file is not None
        if mode is None and not moves:
            # A copy over a file keeps that one's mode.
            mode = there.file.mode if there.file is not None else file.mode
            mode = None if mode is None else mode & ~_MASK
        return replace(file, line=self._line, mode=file.mode if mode is None and moves else mode)

    # -- paths

    def _path(self, word: str) -> str | None:
        if not word or _UNCLEAR.search(word) or _GLOB.search(word) or self._folder is None:
            return None
        return posixpath.normpath(posixpath.join(self._folder, word))

    def _all(self, words: Sequence[str]) -> list[str]:
        """The paths that words name; a word that can't be read may name any."""
        found = []
        for word in words:
            path = self._path(word)
            if path is not None:
                found.append(path)
            elif _GLOB.search(word) and not _UNCLEAR.search(word) and self._folder is not None:
                found += self._matching(posixpath.normpath(posixpath.join(self._folder, word)))
            else:
                self._anywhere()
        return found

    def _matching(self, pattern: str) -> list[str]:
        """The known paths that a shell's pattern names; it leaves out what begins with a dot."""
        found = ["/"]
        for part in pattern.strip("/").split("/"):
            if not _GLOB.search(part):
                found = [posixpath.join(each, part) for each in found]
                continue
            glob = CopyPattern(part)
            found = [
                posixpath.join(each, name)
                for each in found
                for name in self._places.names(each)
                if (not name.startswith(".") or part.startswith(".")) and glob.fits(name)
            ]
        return found

    def _anywhere(self) -> None:
        """Any file may have been meant."""
        self._places.blur("/", self._line)
        self._places.is_read = False


def target_may_be_folder(path: str) -> bool:
    """Whether a path that nobody knows is more likely a folder: the programs' own places hold files of that name."""
    return posixpath.dirname(path) not in ("/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/sbin")


def _plain(words: Sequence[str], with_value: frozenset[str] = frozenset()) -> list[str]:
    """The words that are no options."""
    found, index, only = [], 0, False
    while index < len(words):
        word = words[index]
        index += 1
        if only or not word.startswith("-") or word == "-":
            found.append(word)
        elif word == "--":
            only = True
        elif word in with_value:
            index += 1
    return found


def _has(words: Sequence[str], letters: str) -> bool:
    """Whether one of these options of one letter is among the words."""
    short = (word for word in words[1:] if re.fullmatch(r"-[a-zA-Z]+", word))
    return any(letter in word for word in short for letter in letters)


def option_value(words: Sequence[str], *names: str) -> str | None:
    """The value of the first of these options that is among the words."""
    for index, word in enumerate(words[:-1]):
        if word in names:
            return words[index + 1]
    return next((word.partition("=")[2] for word in words if word.partition("=")[0] in names and "=" in word), None)


def _install_mode(words: Sequence[str]) -> int | None:
    stated = option_value(words, "-m", "--mode") or next(
        (word[2:] for word in words if re.fullmatch(r"-m[0-7]+", word)), None
    )
    return 0o755 if stated is None else changed_mode(None, stated)


def _merges(sources: Sequence[str]) -> bool:
    """Whether the content of a folder is copied, not the folder: `from/.`."""
    return any(word.rstrip("/").endswith("/.") or word.rstrip("/") in (".", "..") for word in sources)
