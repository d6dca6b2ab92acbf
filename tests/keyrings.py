"""A keyring of the tests' own: passwords in a JSON file, so that another process can change them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Event

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

VARIABLE = "TESTS_KEYRING"
"""Names the file. Beside `SERVICE/USER` it may say `state`: "locked", "broken" or "silent"."""
NOWHERE = "keyring.backends.null.Keyring"
"""The library's own, that holds nothing: no test may look into the keyring of whoever runs it."""
BACKEND = "PYTHON_KEYRING_BACKEND"


class FileKeyring(KeyringBackend):
    """Reads its file each time it is asked, and counts how often that was."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        told = json.loads(Path(os.environ[VARIABLE]).read_text())
        if told.get("state") == "locked":
            raise KeyringLocked("locked: rP-hidden-pass-3318")
        if told.get("state") == "broken":
            raise OSError("rP-hidden-pass-3318")
        if told.get("state") == "silent":
            Event().wait()
        value = told.get(f"{service}/{username}")
        return None if value is None else str(value)

    def set_password(self, service: str, username: str, password: str) -> None:
        path = Path(os.environ[VARIABLE])
        path.write_text(json.dumps({**json.loads(path.read_text()), f"{service}/{username}": password}))
