"""Credentials come from the environment, the file of keys or the keyring; a keyring that fails has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from evertape.keys import HELD, Keyring, Keys
from evertape.settings import KEYS, Settings, load
from tests.keyrings import BACKEND, VARIABLE, FileKeyring

NAME = "POLYGON_API_KEY"
Put = Callable[..., None]


@pytest.fixture
def backend() -> Iterator[FileKeyring]:
    """The process's keyring is the tests' own while a test runs."""
    before, ours = keyring.get_keyring(), FileKeyring()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture
def put(backend: FileKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Say what the keyring holds."""
    path = tmp_path / "keyring.json"
    monkeypatch.setenv(VARIABLE, str(path))

    def write(state: str = "", **held: str) -> None:
        path.write_text(json.dumps({"state": state, **{f"evertape/{n}": v for n, v in held.items()}}))

    write()
    return write


class Hands:
    """A clock that is set by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_the_first_place_that_holds_a_key_is_taken(put: Put, tmp_path: Path) -> None:
    names = ("A_KEY", "B_KEY", "C_KEY", "D_KEY")
    put(**dict.fromkeys(names[:3], "of the keyring"))
    file = tmp_path / KEYS
    file.touch(mode=0o600)
    file.write_text("A_KEY=of the file\nB_KEY=of the file\nC_KEY=\n")
    settings = Settings(
        home=tmp_path, state=tmp_path, credentials={"A_KEY": "of the environment"}, keyring=Keyring()
    )
    given = settings.current_credentials()
    assert [given.get(name) for name in names] == [
        "of the environment",
        "of the file",
        "of the keyring",
        None,
    ]
    assert [given.place(name) for name in names] == ["environment", "keys.env", "keyring", None]
    assert sorted(given) == ["A_KEY", "B_KEY", "C_KEY"]
    assert len(given) == 3


def test_only_what_no_other_place_holds_is_asked_of_the_keyring(put: Put, backend: FileKeyring) -> None:
    given = Keys({"A_KEY": "1"}, {"B_KEY": "2"}, Keyring())
    assert (given["A_KEY"], given["B_KEY"], dict(given)) == ("1", "2", {"A_KEY": "1", "B_KEY": "2"})
    assert backend.asked == []
    assert given.get("C_KEY") is None
    assert backend.asked == ["C_KEY"]


def test_a_key_that_is_changed_or_taken_out_is_noticed(put: Put, backend: FileKeyring) -> None:
    clock = Hands()
    given = Keys({}, {}, Keyring(instant=clock))
    seen = []
    for held in ({NAME: "one"}, {NAME: "two"}, {}):
        put(**held)
        for later in (0.0, HELD - 0.1, HELD):
            begun = clock.at
            clock.at = begun + later
            seen.append(given.get(NAME))
            clock.at = begun if later < HELD else clock.at
    assert seen == ["one", "one", "one", "one", "one", "two", "two", "two", None]
    assert len(backend.asked) == 4


@pytest.mark.parametrize(
    ("state", "said"), [("locked", "it is locked"), ("broken", "it failed with OSError")]
)
def test_a_keyring_that_fails_has_no_key_and_says_so_once_it_was_asked(
    put: Put, state: str, said: str
) -> None:
    put(state, **{NAME: "kept"})
    ring = Keyring()
    assert ring.trouble == ""
    assert Keys({}, {}, ring).get(NAME) is None
    assert ring.trouble == said


def test_a_key_outlives_the_keyring_that_locks_itself(put: Put) -> None:
    clock = Hands()
    ring = Keyring(instant=clock)
    put(**{NAME: "kept"})
    assert ring.get(NAME) == "kept"
    put("locked")
    clock.at += HELD
    assert (ring.get(NAME), ring.trouble) == ("kept", "it is locked")
    put(**{NAME: "other"})
    clock.at += HELD
    assert (ring.get(NAME), ring.trouble) == ("other", "")


def test_a_machine_without_a_keyring_has_no_key() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    try:
        ring = Keyring()
        assert ring.get(NAME) == ""
        assert ring.trouble == "this machine has none that can be used"
    finally:
        keyring.set_keyring(before)


def test_without_the_extra_there_is_no_key_and_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    ring = Keyring()
    assert (ring.get(NAME), ring.trouble) == ("", "")


def test_a_silent_keyring_is_waited_for_once_and_does_not_keep_the_process(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_text('{"state": "silent"}')
    program = (
        "import keyring; from evertape.keys import Keyring; "
        "backend, ring = keyring.get_keyring(), Keyring(patience=0.5); "
        "print([ring.get(n) for n in ('A_KEY', 'B_KEY', 'A_KEY')], ring.trouble, backend.asked)"
    )
    ours = {VARIABLE: str(path), BACKEND: "tests.keyrings.FileKeyring"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **ours},
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['', '', ''] it did not answer within 0.5 s ['A_KEY']\n"


def test_nothing_of_a_key_is_in_a_text(put: Put, tmp_path: Path) -> None:
    put(**{NAME: "rP-hidden-pass-3318"})
    settings = Settings(home=tmp_path, state=tmp_path, keyring=Keyring())
    given = settings.current_credentials()
    assert given[NAME] == "rP-hidden-pass-3318"
    assert (repr(given), repr(settings.keyring)) == (f"Keys({NAME})", f"Keyring({NAME})")
    assert "hidden" not in f"{settings!r} {given!s}"


def test_a_given_environment_is_all_that_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVERTAPE_HOME", str(tmp_path))
    assert load({"EVERTAPE_HOME": str(tmp_path)}).keyring is None
    assert load().keyring is not None
