"""Sources and their keys as a person meets them: logging in, testing one, and no secret written down."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from evertape import catalog
from evertape.clock import SystemClock, end_of_day
from evertape.database import wiring
from evertape.datasets.limits import RateLimit
from evertape.errors import Denied
from evertape.model.call import Call
from evertape.model.records import table_of
from evertape.settings import KEYS, Settings
from tests.e2e.world import World
from tests.keyrings import BACKEND, VARIABLE

SECRETS = {
    "POLYGON_API_KEY": "pK-hidden-polygon-7731",
    "SCHWAB_APP_KEY": "sA-hidden-app-5529",
    "SCHWAB_APP_SECRET": "sS-hidden-secret-9104",  # pragma: allowlist secret
    "ROBINHOOD_USERNAME": "plain-hidden-user@example.org",
    "ROBINHOOD_PASSWORD": "rP-hidden-pass-3318",  # pragma: allowlist secret
}
CODE = "C0.hidden-code-6402"
PASTED = f"https://127.0.0.1:8182/?code={CODE}%40&session=hidden-session\n"
ROUTINE = ("--scope", "all", "--yes", "--log-level", "debug")
AGGREGATES = "https://api.polygon.io/v2/aggs/grouped/locale/us/market/stocks/2026-06-30?adjusted=false"


@pytest.fixture
def keyed(market: Callable[..., World]) -> World:
    """A market, and keys for every source that takes some."""
    world = market(12)
    world.extra = {**SECRETS, "EVERTAPE_LIMITS": "polygon=1000/s"}
    return world


def log_in(world: World, name: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`providers login NAME` without a terminal, with this piped in."""
    child = world.start("providers", "login", name, stdin=subprocess.PIPE)
    out, err = child.communicate(typed, timeout=60)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder, unpacked where it is packed."""
    for path in folder.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            yield path, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def test_no_secret_is_written_or_said_but_where_sessions_are_kept(keyed: World) -> None:
    said = [log_in(keyed, "robinhood"), log_in(keyed, "schwab", PASTED)]
    assert [done.returncode for done in said] == [0, 0], said
    for order in ("schwab,yahoo", "robinhood,polygon", "polygon,yahoo"):
        keyed.extra["EVERTAPE_SOURCES"] = order
        keyed.home = keyed.home.with_name(order)
        said += [keyed.run("refresh", what, *ROUTINE) for what in ("prices", "options")]
    symbol = keyed.sql("SELECT symbol FROM listings")[0][0]
    said += [keyed.run("providers"), keyed.run("providers", "test", "--symbol", symbol)]
    keyed.vendors(all={"refuses": 1.0})
    said += [keyed.run("providers", "test", "--symbol", symbol)]
    keyed.url = "http://127.0.0.1:9"
    said += [keyed.run("providers", "test", "--symbol", symbol), log_in(keyed, "schwab", PASTED)]

    sessions = keyed.home.parent / "state" / "sessions.json"
    assert sessions.stat().st_mode & 0o777 == 0o600
    kept = [value for source in json.loads(sessions.read_text()).values() for value in source.values()]
    tokens = [value for value in kept if len(value) > 12 and not value.startswith("20")]
    assert tokens
    hidden = [*SECRETS.values(), CODE, "hidden", *tokens, "Bearer ", "I0.access.", "A3=d="]
    looked = 0
    for path, body in written(keyed.home.parent):
        looked += 1
        if path != sessions:
            assert [secret for secret in hidden if secret.encode() in body] == [], path
    assert looked > 10
    for done in said:
        # Schwab's login shows the address to open, of which the app's key is a part.
        talk = (done.stdout + done.stderr).replace(f"client_id={SECRETS['SCHWAB_APP_KEY']}", "")
        assert [secret for secret in hidden if secret in talk] == [], talk
        assert "Traceback" not in talk


def test_a_user_name_of_the_environment_is_a_credential(keyed: World) -> None:
    shown = {row["source"]: row["credentials"] for row in keyed.json("providers")}
    assert shown["robinhood"] == "set in the environment, not logged in: evertape providers login robinhood"
    assert shown["polygon"] == "set in the environment"
    assert log_in(keyed, "robinhood").returncode == 0


@pytest.mark.parametrize("name", ["schwab", "robinhood"])
def test_a_login_without_its_keys_names_them(market: Callable[..., World], name: str) -> None:
    done = log_in(market(2), name, PASTED)
    assert done.returncode == 2
    assert f"evertape providers login {name}" in done.stderr
    assert all(key in done.stderr for key in SECRETS if key.startswith(name.upper()))
    assert "Traceback" not in done.stderr


def test_a_login_that_nobody_answers_says_that_it_wants_a_person(keyed: World) -> None:
    done = log_in(keyed, "schwab")
    assert done.returncode == 2
    assert "terminal" in done.stderr.splitlines()[-1]
    assert "Warning" not in done.stderr
    refused = log_in(keyed, "schwab", PASTED.replace("C0", "bad"))
    assert refused.returncode == 2
    assert "SCHWAB_APP_SECRET" in refused.stderr


def interrupted(world: World, name: str, shown: str) -> tuple[int, str, str]:
    """`providers login NAME` at a pseudo-terminal that gets one Ctrl+C once it has shown this, and no line.

    Returns the exit code, everything on stderr, and whether the terminal shows what is typed again.
    """
    ours, theirs = pty.openpty()
    try:
        child = world.start("providers", "login", name, stdin=theirs)
        assert child.stderr is not None
        said = ""
        while shown not in said and (part := os.read(child.stderr.fileno(), 4096)):
            said += part.decode()
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=10)
        echoes = termios.tcgetattr(theirs)[3] & termios.ECHO
    finally:
        os.close(ours)
        os.close(theirs)
    return child.returncode, said + rest, "echoes" if echoes else "silent"


@pytest.mark.parametrize(
    ("name", "user", "shown"),
    [
        ("schwab", "", "does not last"),
        ("robinhood", "sms-hidden-user@example.org", "The code that Robinhood sent"),
    ],
)
def test_one_interrupt_ends_a_login_at_its_prompt(keyed: World, name: str, user: str, shown: str) -> None:
    keyed.extra |= {"ROBINHOOD_USERNAME": user} if user else {}
    code, said, terminal = interrupted(keyed, name, shown)
    assert (code, terminal) == (130, "echoes"), said
    assert said.rstrip().endswith("interrupted")
    assert "Traceback" not in said
    assert "never retrieved" not in said


def test_a_source_is_tested_before_anything_is_held(keyed: World) -> None:
    told = keyed.json("providers", "test", "schwab", "--symbol", "gaab", code=1)
    assert all("providers login schwab" in each["said"] for each in told)
    told = keyed.json("providers", "test", "polygon", "--symbol", "gaab")
    rows = {each["feed"]: each["rows"] for each in told}
    assert rows["polygon.grouped"] == rows["polygon.range"] == 1
    assert rows["polygon.options"] > 10


def test_testing_tells_a_wrong_key_from_a_source_that_is_down(keyed: World) -> None:
    keyed.extra["POLYGON_API_KEY"] = "badkey"
    told = keyed.json("providers", "test", "polygon", "--symbol", "GAAB", code=1)
    assert all("does not know the key in POLYGON_API_KEY" in each["said"] for each in told)
    assert {each["requests"] for each in told} == {1}
    keyed.extra["POLYGON_API_KEY"] = SECRETS["POLYGON_API_KEY"]
    keyed.vendors(polygon={"down": [0, 1e6]})
    told = keyed.json("providers", "test", "polygon", "--symbol", "GAAB", code=1)
    assert {each["said"].partition(":")[0] for each in told} == {"transient"}
    assert {each["requests"] for each in told} == {1}


class Later(SystemClock):
    """The machine's clock, so many seconds on: keys are looked for once a second."""

    later = 0.0

    def instant(self) -> float:
        return super().instant() + self.later


def test_a_key_that_is_changed_is_used_by_who_runs_already(serve: Callable[..., str], tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        state=tmp_path / "state",
        sandbox=serve(market=2),
        now=end_of_day(date(2026, 6, 30)),
        limits={"polygon": ((1000, 1.0),)},
    )
    call = Call(source="polygon", feed="polygon.grouped", url=AGGREGATES, patient=False)
    file = settings.state / KEYS
    file.parent.mkdir()

    def put(key: str) -> None:
        file.touch(mode=0o600)
        file.write_text(f"# mine\nPOLYGON_API_KEY={key}\n")

    async def asked() -> list[str]:
        found = catalog.find(None, partial(wiring.limited, settings)).sources
        clock = Later(settings.now)
        transport = wiring.stack(settings, found, {}, clock, lambda _event: None)
        said = []
        for key in ("", "badkey", "goodkey", "badkey"):
            put(key)
            clock.later += 1.0
            try:
                said.append(str((await transport.send(call)).status))
            except Denied as error:
                said.append(str(error)[:30])
        await transport.close()
        return said

    none, bad, good, again = asyncio.run(asked())
    assert none.startswith("POLYGON_API_KEY or MASSIVE")
    assert bad == again == "Polygon does not know the key "
    assert good == "200"


@pytest.mark.parametrize("variable", ["EVERTAPE_SOURCES=yaho,cboe", "EVERTAPE_LIMITS=yaho=30/min"])
def test_a_setting_that_names_no_source_is_refused(world: World, variable: str) -> None:
    name, _, value = variable.partition("=")
    world.extra = {name: value}
    for verb in (("providers",), ("refresh", "market", "--yes")):
        done = world.run(*verb)
        assert done.returncode == 2
        assert f"{name} names yaho, which is no source" in done.stderr


def test_a_missing_identity_is_said_before_anything_is_sent(world: World) -> None:
    world.url = "http://127.0.0.1:9"
    world.extra = {"EDGAR_IDENTITY": ""}
    done = world.run("refresh", "market", "--yes")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("evertape: EDGAR_IDENTITY or SEC_USER_AGENT is not set")
    assert "retry" not in done.stderr


def test_the_table_fits_eighty_columns_and_json_has_every_column(keyed: World) -> None:
    keyed.extra["COLUMNS"] = "80"
    done = keyed.run("providers")
    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    told = keyed.json("providers")
    assert {tuple(row) for row in told} == {table_of(RateLimit).names}
    assert {row["source"] for row in told} <= set(done.stdout.split())


def kept_in_keyring(world: World, state: str = "", **held: str) -> None:
    """The world's processes have a keyring that holds these."""
    path = world.home.parent / "keyring.json"
    path.write_text(json.dumps({"state": state, **{f"evertape/{n}": v for n, v in held.items()}}))
    world.extra |= {VARIABLE: str(path), BACKEND: "tests.keyrings.FileKeyring"}


def test_keys_of_a_keyring_are_used_and_nowhere_written(market: Callable[..., World]) -> None:
    world = market(4)
    held = {
        "POLYGON_API_KEY": SECRETS["POLYGON_API_KEY"],
        "ROBINHOOD_PASSWORD": SECRETS["ROBINHOOD_PASSWORD"],
    }
    kept_in_keyring(world, **held)
    world.extra |= {
        "ROBINHOOD_USERNAME": SECRETS["ROBINHOOD_USERNAME"],
        "EVERTAPE_SOURCES": "polygon",
        "EVERTAPE_LIMITS": "polygon=1000/s",
    }
    shown = {row["source"]: row["credentials"] for row in world.json("providers")}
    assert shown["polygon"] == "set in the keyring"
    assert shown["robinhood"].startswith("set in the environment and the keyring, not logged in")
    assert shown["schwab"] == "missing: SCHWAB_APP_KEY and SCHWAB_APP_SECRET"
    said = [log_in(world, "robinhood"), world.run("refresh", "prices", *ROUTINE)]
    assert [done.returncode for done in said] == [0, 0], said
    assert world.sql("SELECT DISTINCT source FROM daily_prices") == [("polygon",)]
    wrong = {**held, "POLYGON_API_KEY": "badkey-hidden-0000"}  # pragma: allowlist secret
    kept_in_keyring(world, **wrong)
    said += [world.run("providers", "test", "polygon", "--symbol", "GAAB"), world.run("providers")]
    assert "does not know the key in POLYGON_API_KEY" in said[-2].stdout
    for done in said:
        assert [value for value in (*held.values(), "hidden") if value in done.stdout + done.stderr] == []
    for path, body in written(world.home.parent):
        if path.name not in ("keyring.json", "sessions.json"):
            assert [v for v in (*held.values(), "badkey-hidden") if v.encode() in body] == [], path


@pytest.mark.parametrize("state", ["locked", "broken"])
def test_a_keyring_that_fails_is_said_once_and_stops_nothing(world: World, state: str) -> None:
    kept_in_keyring(world, state)
    done = world.run("providers")
    assert done.returncode == 0
    assert done.stderr.count("keyring") == 1
    assert "the keyring was not read: it " in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stdout + done.stderr
    assert "missing: POLYGON_API_KEY" in done.stdout
