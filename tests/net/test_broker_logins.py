"""The brokers' logins driven by the session layer: what the first process keeps, the next one uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from evertape.clock import ManualClock
from evertape.errors import Denied
from evertape.model.call import Call, Reply
from evertape.model.feed import Source
from evertape.model.login import Question
from evertape.net.login import Keep, Logins
from evertape.settings import load
from evertape.sources import robinhood, schwab

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
CREDENTIALS = {
    "SCHWAB_APP_KEY": "key",
    "SCHWAB_APP_SECRET": "app secret",  # pragma: allowlist secret
    "ROBINHOOD_USERNAME": "me@example.org",
    "ROBINHOOD_PASSWORD": "pass",  # pragma: allowlist secret
}
GRANT = {"access_token": "access", "refresh_token": "refresh", "expires_in": 1800, "token_type": "Bearer"}


class Wire:
    """Answers each path with the next of its bodies, and with the last again."""

    def __init__(self, answers: Mapping[str, list[object]]) -> None:
        self._answers = {path: list(bodies) for path, bodies in answers.items()}
        self.sent: list[Call] = []

    async def send(self, call: Call) -> Reply:
        self.sent.append(call)
        bodies = self._answers[urlsplit(call.url).path]
        body = json.dumps(bodies.pop(0) if len(bodies) > 1 else bodies[0]).encode()
        return Reply(call=call, status=200, headers={}, body=body, wire=len(body), at=NOW)

    async def close(self) -> None:
        pass


class Eager(ManualClock):
    """A clock whose sleepers wake at once, and which then shows the time they slept to."""

    async def sleep(self, seconds: float) -> None:
        self._instant += max(0.0, seconds)


def logins(wire: Wire, kept: Path, credentials: Mapping[str, str] = CREDENTIALS) -> Logins:
    return Logins(wire, lambda: credentials, Eager(NOW), Keep(kept))


def typed(question: Question) -> str:
    return "https://127.0.0.1:8182/?code=c%40&session=s" if "authorize" in question.prompt else "123456"


SHERIFF = {"context": {"sheriff_challenge": {"type": "prompt", "status": "issued", "id": "ch"}}}
APPROVED = {"type_context": {"result": "workflow_status_approved"}}
WIRES: dict[str, Mapping[str, list[object]]] = {
    "schwab": {"/v1/oauth/token": [GRANT]},
    "robinhood": {
        "/oauth2/token/": [{"verification_workflow": {"id": "w"}}, GRANT],
        "/pathfinder/user_machine/": [{"id": "m"}],
        "/pathfinder/inquiries/m/user_view/": [{"context": {}}, SHERIFF, APPROVED],
        "/push/ch/get_prompts_status/": [{"challenge_status": "issued"}, {"challenge_status": "validated"}],
    },
}
both = pytest.mark.parametrize("source", [schwab.SOURCE, robinhood.SOURCE], ids=lambda source: source.name)


@both
async def test_a_person_logs_in_once_and_the_next_process_needs_none(source: Source, tmp_path: Path) -> None:
    kept = tmp_path / "sessions.json"
    wire = Wire(WIRES[source.name])
    session = await logins(wire, kept).log_in(source, typed)
    assert session.headers == {"Authorization": "Bearer access"}
    assert {call.method for call in wire.sent} <= {"GET", "POST"}
    again = Wire({path: [GRANT] for path in ("/v1/oauth/token", "/oauth2/token/")})
    await logins(again, kept).session(source)
    (call,) = again.sent
    assert parse_qs(call.body.decode())["grant_type"] == ["refresh_token"]
    assert parse_qs(call.body.decode())["refresh_token"] == ["refresh"]


@both
async def test_without_a_kept_login_and_a_person_it_says_what_to_type(source: Source, tmp_path: Path) -> None:
    wire = Wire({})
    with pytest.raises(Denied, match=f"evertape providers login {source.name}"):
        await logins(wire, tmp_path / "sessions.json").session(source)
    assert wire.sent == []


async def test_an_approval_that_never_comes_ends_after_two_minutes(tmp_path: Path) -> None:
    wire = Wire({**WIRES["robinhood"], "/push/ch/get_prompts_status/": [{"challenge_status": "issued"}]})
    with pytest.raises(Denied, match="not approved within 120 seconds"):
        await logins(wire, tmp_path / "sessions.json").log_in(robinhood.SOURCE, typed)
    polls = [call for call in wire.sent if "/push/" in call.url]
    assert timedelta(seconds=100) < len(polls) * timedelta(seconds=5) <= timedelta(seconds=120)


@both
async def test_a_login_without_its_credentials_names_them(source: Source, tmp_path: Path) -> None:
    wire = Wire({})
    with pytest.raises(Denied, match=" and ".join(source.credentials)):
        await logins(wire, tmp_path / "sessions.json", {}).log_in(source, typed)
    assert wire.sent == []


@both
def test_the_environment_is_read_for_every_credential_that_a_source_names(source: Source) -> None:
    told = load(dict.fromkeys(source.credentials, "told"))
    assert source.has_credentials(told.credentials)
