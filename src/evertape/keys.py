"""Where credentials come from: the environment, the file of keys, the system's keyring, in this order."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from typing import Literal

Place = Literal["environment", "keys.env", "keyring"]
SERVICE = "evertape"
"""Under which a key is kept in a keyring; the user name is the variable's: `keyring set evertape NAME`."""
PATIENCE = 5.0
"""Seconds that a keyring is waited for: one that is locked may ask a person who is not there."""
HELD = 10.0
"""Seconds for which an answer stands: asking costs milliseconds, and every request wants to know."""
_SAID = {
    "NoKeyringError": "this machine has none that can be used",
    "KeyringLocked": "it is locked",
}


class Keyring:
    """The system's keyring, read through the `keyring` library where that is installed.

    Nothing is raised and nothing waits longer than `patience`: a keyring that is not there, is locked or
    does not answer has no key. What it told before stands until it tells something else, so that a screen
    that locks itself does not end a job.

    Args:
        instant: seconds that only grow.

    Attributes:
        trouble: why the keyring could not be read the last time, as a clause; empty where it could, or was
            not asked.
    """

    def __init__(self, patience: float = PATIENCE, instant: Callable[[], float] = time.monotonic) -> None:
        self.trouble = ""
        self._patience = patience
        self._instant = instant
        self._told: dict[str, tuple[str, float]] = {}
        self._there: bool | None = None
        self._asking: Thread | None = None

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted(self.known))})"

    @property
    def known(self) -> Mapping[str, str]:
        """What it told so far, by the variable's name."""
        return {name: value for name, (value, _) in self._told.items() if value}

    def get(self, name: str) -> str:
        """The key that is kept under a variable's name; empty where there is none."""
        value, until = self._told.get(name, ("", float("-inf")))
        if self._there is None:
            self._there = importlib.util.find_spec("keyring") is not None
        # Who did not answer in time is not waited for again until it has.
        silent = self._asking is not None and self._asking.is_alive()
        if not self._there or silent or self._instant() < until:
            return value
        # A daemon, because a backend that waits for a person would keep the process from ending.
        self._asking = Thread(target=self._ask, args=(name,), daemon=True)
        self._asking.start()
        self._asking.join(self._patience)
        if self._asking.is_alive():
            self.trouble = f"it did not answer within {self._patience:g} s"
        return self._told.get(name, ("",))[0]

    def _ask(self, name: str) -> None:
        try:
            import keyring

            value, trouble = keyring.get_password(SERVICE, name) or "", ""
        except Exception as error:  # noqa: BLE001 - a backend raises whatever its system does
            # Never the error's own text: it is not known what a backend writes there.
            value = self._told.get(name, ("",))[0]
            trouble = _SAID.get(type(error).__name__, f"it failed with {type(error).__name__}")
        self._told[name] = (value, self._instant() + HELD)
        self.trouble = trouble


class Keys(Mapping[str, str]):
    """Credentials by environment name, each from the first place that holds one.

    A keyring cannot be listed: it is asked for a name when that is looked up, and only those it then had
    are among the names. Empty values are none.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        file: Mapping[str, str] | None = None,
        keyring: Keyring | None = None,
    ) -> None:
        self._places: tuple[tuple[Place, Mapping[str, str]], ...] = (
            ("environment", environment),
            ("keys.env", file or {}),
        )
        self._keyring = keyring

    def __repr__(self) -> str:
        return f"Keys({', '.join(sorted(self))})"

    def __getitem__(self, name: str) -> str:
        for _, held in self._places:
            if held.get(name):
                return held[name]
        value = self._keyring.get(name) if self._keyring is not None else ""
        if not value:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        told = {} if self._keyring is None else self._keyring.known
        held = (*self._places, ("keyring", told))
        return iter(dict.fromkeys(name for _, values in held for name, value in values.items() if value))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def place(self, name: str) -> Place | None:
        """Where the value of a name comes from; None where there is none."""
        for place, held in self._places:
            if held.get(name):
                return place
        return "keyring" if name in self else None


__all__ = ["HELD", "PATIENCE", "SERVICE", "Keyring", "Keys", "Place"]
