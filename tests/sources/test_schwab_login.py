"""Schwab's login, step by step: a week by a person, half an hour without one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given

from evertape.errors import Denied, Transient
from evertape.model.call import Reply
from evertape.model.login import LoginState, Question, Send, Session, Step
from evertape.sources import schwab
from tests.sources.changed import changed

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
CREDENTIALS = {"SCHWAB_APP_KEY": "key", "SCHWAB_APP_SECRET": "app secret"}  # pragma: allowlist secret
KEPT = {"refresh_token": "r-1", "obtained_at": (NOW - timedelta(days=3)).isoformat()}
GRANT = {
    "access_token": "a-1",
    "refresh_token": "r-2",
    "id_token": "i",
    "expires_in": 1800,
    "token_type": "Bearer",
    "scope": "api",
}


def step(sent: Send | None = None, **told: Any) -> Step:
    """The next step; `sent` is what the step before asked to send."""
    state = sent.state if sent else {}
    return schwab.login(LoginState(credentials=CREDENTIALS, now=told.pop("now", NOW), state=state, **told))


def answered(sent: Step, body: object, status: int = 200) -> Reply:
    assert isinstance(sent, Send)
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(call=sent.call, status=status, headers={}, body=body, wire=len(body), at=NOW)


def form(sent: Step) -> dict[str, str]:
    assert isinstance(sent, Send)
    assert (sent.method, sent.call.url) == ("POST", "https://api.schwabapi.com/v1/oauth/token")
    assert (sent.headers["User-Agent"], sent.headers["Accept"]) == ("evertape", "application/json")
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    scheme, _, pair = sent.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"key:app secret")
    return {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}


def test_a_kept_login_is_refreshed_and_its_week_is_not_prolonged() -> None:
    sent = step(kept=KEPT)
    assert form(sent) == {"grant_type": "refresh_token", "refresh_token": "r-1"}
    assert isinstance(sent, Send)
    session = step(sent, kept=KEPT, reply=answered(sent, GRANT))
    assert session == Session(
        headers={"Authorization": "Bearer a-1"},
        expires_at=NOW + timedelta(seconds=1500),
        kept={"refresh_token": "r-2", "obtained_at": KEPT["obtained_at"]},
        person_by=NOW + timedelta(days=4),
    )


def test_a_refresh_without_a_new_token_keeps_the_old_one() -> None:
    sent = step(kept=KEPT)
    assert isinstance(sent, Send)
    session = step(sent, kept=KEPT, reply=answered(sent, {"access_token": "a", "expires_in": 1800}))
    assert isinstance(session, Session)
    assert session.kept == KEPT


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"refresh_token": "r-1"},
        {"refresh_token": "r-1", "obtained_at": "lately"},
        {"refresh_token": "r-1", "obtained_at": "2026-09-20T14:00:00"},
        {"refresh_token": "r-1", "obtained_at": (NOW - timedelta(days=7)).isoformat()},
    ],
)
def test_without_a_login_of_this_week_a_person_is_asked_or_told_what_to_type(kept: dict[str, str]) -> None:
    question = step(kept=kept, interactive=True)
    assert isinstance(question, Question)
    assert "https://api.schwabapi.com/v1/oauth/authorize?client_id=key" in question.prompt
    assert "redirect_uri=https%3A%2F%2F127.0.0.1%3A8182" in question.prompt
    with pytest.raises(Denied, match="needs a login once a week; run: evertape providers login schwab"):
        step(kept=kept)


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_asks_the_person_or_says_what_to_type(status: int) -> None:
    sent = step(kept=KEPT)
    assert isinstance(sent, Send)
    refused = answered(
        sent, {"error": "invalid_client", "error_description": "refresh token invalid"}, status
    )
    assert isinstance(step(sent, kept=KEPT, reply=refused, interactive=True), Question)
    with pytest.raises(Denied, match="run: evertape providers login schwab"):
        step(sent, kept=KEPT, reply=refused)


def test_a_pasted_address_is_exchanged_for_a_week() -> None:
    sent = step(answer=" https://127.0.0.1:8182/?code=C0.b%40&session=s \n", interactive=True)
    assert form(sent) == {
        "grant_type": "authorization_code",
        "code": "C0.b@",
        "redirect_uri": "https://127.0.0.1:8182",
    }
    assert isinstance(sent, Send)
    later = NOW + timedelta(seconds=9)
    session = step(sent, reply=answered(sent, GRANT), interactive=True, now=later)
    assert isinstance(session, Session)
    assert session.kept == {"refresh_token": "r-2", "obtained_at": NOW.isoformat()}
    assert session.person_by == NOW + timedelta(days=7)
    assert session.expires_at == later + timedelta(seconds=1500)


@pytest.mark.parametrize("answer", ["", "C0.b@", "https://127.0.0.1:8182/?session=s", "https://[::"])
def test_an_address_without_a_code_is_asked_for_again(answer: str) -> None:
    question = step(answer=answer, interactive=True)
    assert isinstance(question, Question)
    assert question.prompt.startswith("That address holds no code.")


def test_what_is_not_allowed_is_denied() -> None:
    with pytest.raises(Denied, match="did not allow"):
        step(answer="https://127.0.0.1:8182/?error=access_denied", interactive=True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant"}),
        (401, {"error": "invalid_client"}),
        (200, {}),
        (200, b"<html>"),
        (200, {**GRANT, "access_token": "a\r\nX: y"}),
    ],
)
def test_a_refused_code_names_what_to_check(status: int, body: object) -> None:
    sent = step(answer="https://127.0.0.1:8182/?code=c", interactive=True)
    assert isinstance(sent, Send)
    with pytest.raises(Denied, match="SCHWAB_APP_KEY"):
        step(sent, reply=answered(sent, body, status), interactive=True)


@pytest.mark.parametrize(("status", "kind"), [(429, "throttled"), (500, "transient"), (503, "transient")])
@pytest.mark.parametrize("interactive", [False, True])
def test_a_passing_fault_of_schwabs_is_no_verdict_on_the_login(
    status: int, kind: str, interactive: bool
) -> None:
    sent = step(kept=KEPT)
    assert isinstance(sent, Send)
    with pytest.raises(Transient) as told:
        step(sent, kept=KEPT, reply=answered(sent, b"", status), interactive=interactive)
    assert told.value.kind == kind


def test_no_secret_is_in_what_is_shown() -> None:
    sent = step(kept=KEPT)
    assert isinstance(sent, Send)
    session = step(sent, reply=answered(sent, GRANT))
    question = step(interactive=True)
    assert isinstance(question, Question)
    for shown in (repr(sent), repr(session), sent.call.url, question.prompt):
        assert not [s for s in ("app secret", "r-1", "r-2", "a-1", "a2V5") if s in shown]


@given(body=changed(json.dumps(GRANT).encode()))
def test_a_changed_grant_is_a_session_or_denied(body: bytes) -> None:
    sent = step(kept=KEPT)
    assert isinstance(sent, Send)
    try:
        assert isinstance(step(sent, reply=answered(sent, body)), Session)
    except Denied as error:
        assert "providers login schwab" in str(error)  # noqa: PT017
