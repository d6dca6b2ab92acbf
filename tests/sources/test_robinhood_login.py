"""Robinhood's login by every path, step by step: no step waits, sends or asks anything itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.errors import Denied, Throttled, Transient
from evertape.model.call import Reply
from evertape.model.login import LoginState, Question, Send, Session, Step
from evertape.sources.robinhood.login import login
from tests.sources.changed import GARBAGE, changed

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
API = "https://api.robinhood.com"
CREDENTIALS = {
    "ROBINHOOD_USERNAME": "me@example.org",
    "ROBINHOOD_PASSWORD": "pass",
}  # pragma: allowlist secret
KEPT = {"refresh_token": "r-1", "device_token": "d-1"}
GRANT = {
    "access_token": "a-1", "expires_in": 86400, "token_type": "Bearer", "scope": "internal",
    "refresh_token": "r-2", "mfa_code": None, "backup_code": None,
}  # fmt: skip
WORKFLOW = {"verification_workflow": {"id": "w-1", "workflow_status": "workflow_status_internal_pending"}}
APPROVED = {"type_context": {"result": "workflow_status_approved"}}
REFUSED = {"detail": "Unable to log in with provided credentials."}


def view(kind: str, status: str = "issued") -> dict[str, Any]:
    return {"context": {"sheriff_challenge": {"type": kind, "status": status, "id": "ch/1"}}}


class Dialogue:
    """A login in progress: what the last step asked for is answered and brings the next."""

    def __init__(self, *, interactive: bool = True, kept: dict[str, str] | None = None) -> None:
        self.interactive, self.kept, self.now = interactive, kept or {}, NOW
        self.step: Step = self._next({})

    def _next(self, state: Any, **told: Any) -> Step:
        return login(
            LoginState(
                credentials=CREDENTIALS, kept=self.kept, state=state, now=self.now,
                interactive=self.interactive, **told,
            )
        )  # fmt: skip

    def replied(self, body: object, status: int = 200, after: float = 1.0) -> Step:
        sent = self.sent()
        self.now += timedelta(seconds=after + sent.wait)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = Reply(call=sent.call, status=status, headers={}, body=raw, wire=len(raw), at=self.now)
        self.step = self._next(sent.state, reply=reply)
        return self.step

    def typed(self, answer: str) -> Step:
        assert isinstance(self.step, Question)
        self.step = self._next(self.step.state, answer=answer)
        return self.step

    def sent(self) -> Send:
        assert isinstance(self.step, Send)
        assert self.step.headers["X-Robinhood-API-Version"] == "1.431.4"
        return self.step

    def at(self) -> tuple[str, str]:
        """Method and path of what is asked to be sent."""
        return self.sent().method, self.sent().call.url.removeprefix(API)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.sent().body.decode()).items()}

    def json(self) -> Any:
        return json.loads(self.sent().body)


TOKEN = ("POST", "/oauth2/token/")
INQUIRY = "/pathfinder/inquiries/m-1/user_view/"


def at_the_view(**told: Any) -> Dialogue:
    """A login whose approval has begun, about to look how it is given."""
    talk = Dialogue(**told)
    talk.replied(WORKFLOW, 403)
    assert talk.at() == ("POST", "/pathfinder/user_machine/")
    talk.replied({"id": "m-1"})
    assert talk.at() == ("GET", INQUIRY)
    return talk


def finish(talk: Dialogue) -> None:
    """From the met challenge to the session."""
    assert talk.at() == ("POST", INQUIRY)
    assert talk.json() == {"sequence": 0, "user_input": {"status": "continue"}}
    talk.replied(APPROVED)
    assert talk.at() == TOKEN
    assert talk.form()["grant_type"] == "password"
    assert isinstance(talk.replied(GRANT), Session)


def test_a_kept_token_is_refreshed_without_a_person() -> None:
    talk = Dialogue(interactive=False, kept=KEPT)
    assert talk.at() == TOKEN
    form = talk.form()
    assert (form["grant_type"], form["refresh_token"], form["device_token"]) == (
        "refresh_token",
        "r-1",
        "d-1",
    )
    assert talk.replied(GRANT) == Session(
        headers={"Authorization": "Bearer a-1"},
        expires_at=NOW + timedelta(seconds=1 + 86400 - 300),
        kept={"refresh_token": "r-2", "device_token": "d-1"},
    )


def test_where_the_kept_token_is_refused_the_known_device_logs_in_by_password() -> None:
    talk = Dialogue(interactive=False, kept=KEPT)
    talk.replied({"error": "invalid_grant"}, 401)
    assert talk.at() == TOKEN
    form = talk.form()
    assert form.pop("client_id")
    assert form == {
        "expires_in": "86400", "scope": "internal", "grant_type": "password", "username": "me@example.org",
        "password": "pass", "device_token": "d-1", "try_passkeys": "false", "token_request_path": "/login",
        "create_read_only_secondary_token": "true",
    }  # fmt: skip
    assert isinstance(talk.replied(GRANT), Session)


def test_a_new_device_never_logs_in_without_a_person() -> None:
    with pytest.raises(Denied, match="run: evertape providers login robinhood"):
        Dialogue(interactive=False)


@pytest.mark.parametrize("body", [WORKFLOW, {"mfa_required": True, "mfa_type": "app"}])
def test_an_approval_is_asked_for_only_where_a_person_is_there(body: object) -> None:
    talk = Dialogue(interactive=False, kept=KEPT)
    talk.replied({}, 401)
    with pytest.raises(Denied, match="run: evertape providers login robinhood"):
        talk.replied(body, 403)


def test_a_devices_name_is_kept_from_its_first_login_on() -> None:
    talk = Dialogue()
    device = talk.form()["device_token"]
    assert len(device) == 36
    session = talk.replied(GRANT)
    assert isinstance(session, Session)
    assert session.kept == {"refresh_token": "r-2", "device_token": device}


def test_an_approval_begins_with_the_device_and_the_workflow() -> None:
    talk = Dialogue()
    device = talk.form()["device_token"]
    talk.replied(WORKFLOW, 403)
    assert talk.json() == {"device_id": device, "flow": "suv", "input": {"workflow_id": "w-1"}}


def test_a_tap_in_the_app_is_polled_for() -> None:
    talk = at_the_view()
    for _ in range(2):
        talk.replied({"context": {}})
        assert talk.at() == ("GET", INQUIRY)
        assert talk.sent().wait == 5.0
    talk.replied(view("prompt"))
    for _ in range(3):
        assert talk.at() == ("GET", "/push/ch%2F1/get_prompts_status/")
        assert talk.sent().wait == 5.0
        assert "app" in talk.sent().call.label
        talk.replied({"challenge_status": "issued"})
    talk.replied({"challenge_status": "validated"})
    finish(talk)


@pytest.mark.parametrize(("kind", "way"), [("sms", "text message"), ("email", "mail")])
def test_a_code_is_asked_for_and_sent(kind: str, way: str) -> None:
    talk = at_the_view()
    question = talk.replied(view(kind))
    assert isinstance(question, Question)
    assert way in question.prompt
    assert question.secret
    talk.typed(" 123456 ")
    assert talk.at() == ("POST", "/challenge/ch%2F1/respond/")
    assert talk.json() == {"response": "123456"}
    talk.replied({"id": "ch/1", "status": "validated"})
    finish(talk)


def test_a_wrong_code_is_asked_for_again_while_attempts_are_left() -> None:
    talk = at_the_view()
    talk.replied(view("sms"))
    talk.typed("1")
    question = talk.replied({"detail": "Code is invalid", "challenge": {"remaining_attempts": 2}}, 400)
    assert isinstance(question, Question)
    assert "2 more" in question.prompt
    talk.typed("2")
    with pytest.raises(Denied, match="did not take the code"):
        talk.replied({"challenge": {"remaining_attempts": 0}}, 400)


def test_a_challenge_met_already_goes_on() -> None:
    talk = at_the_view()
    talk.replied(view("prompt", "validated"))
    finish(talk)
    nested = at_the_view()
    nested.replied({"type_context": view("sms", "validated")})
    finish(nested)


def test_an_approved_workflow_needs_no_challenge() -> None:
    talk = at_the_view()
    talk.replied({"verification_workflow": {"workflow_status": "workflow_status_approved"}})
    assert talk.at() == TOKEN
    assert isinstance(talk.replied(GRANT), Session)


def test_the_workflow_is_continued_until_it_is_approved() -> None:
    talk = at_the_view()
    talk.replied(view("prompt"))
    talk.replied({"challenge_status": "redeemed"})
    talk.replied({"type_context": {"result": "workflow_status_internal_pending"}})
    assert talk.at() == ("POST", INQUIRY)
    assert talk.sent().wait == 5.0
    talk.replied(APPROVED)
    assert talk.at() == TOKEN


def wait_for_ever(talk: Dialogue) -> None:
    while True:
        talk.replied({"challenge_status": "issued"} if "push" in talk.at()[1] else {"context": {}})


@pytest.mark.parametrize("pending", [{"context": {}}, view("prompt")])
def test_after_two_minutes_an_approval_is_given_up(pending: dict[str, Any]) -> None:
    talk = at_the_view()
    talk.replied(pending)
    with pytest.raises(Denied, match=r"within 120 seconds; .*providers login robinhood"):
        wait_for_ever(talk)
    assert timedelta(seconds=110) < talk.now - NOW < timedelta(seconds=135)


@pytest.mark.parametrize("status", ["denied", "failed", "expired"])
def test_a_refused_tap_ends_the_login(status: str) -> None:
    talk = at_the_view()
    talk.replied(view("prompt"))
    with pytest.raises(Denied, match=status):
        talk.replied({"challenge_status": status})


def test_a_challenge_that_only_the_app_can_meet_is_told() -> None:
    with pytest.raises(Denied, match="face_scan"):
        at_the_view().replied(view("face_scan"))


def test_an_authenticators_code_goes_with_the_password_once() -> None:
    talk = Dialogue()
    device = talk.form()["device_token"]
    assert isinstance(talk.replied({"mfa_required": True, "mfa_type": "app"}), Question)
    talk.typed("654321")
    assert (talk.form()["mfa_code"], talk.form()["device_token"]) == ("654321", device)
    with pytest.raises(Denied, match="refused the login"):
        talk.replied({"mfa_required": True, "mfa_type": "app"})


def test_refused_credentials_are_named() -> None:
    with pytest.raises(Denied, match=r"Unable to log in .*ROBINHOOD_USERNAME and ROBINHOOD_PASSWORD"):
        Dialogue().replied(REFUSED, 400)


def test_an_approved_login_that_wants_approval_again_ends() -> None:
    talk = at_the_view()
    talk.replied(view("prompt", "validated"))
    talk.replied(APPROVED)
    with pytest.raises(Denied, match="refused the login"):
        talk.replied(WORKFLOW, 403)


def test_a_workflow_that_does_not_begin_ends_the_login() -> None:
    talk = Dialogue()
    talk.replied(WORKFLOW, 403)
    with pytest.raises(Denied, match="began no approval"):
        talk.replied({"detail": "nope"}, 400)


@pytest.mark.parametrize(("status", "kind"), [(429, "throttled"), (500, "transient")])
def test_a_passing_fault_is_no_verdict_on_the_login(status: int, kind: str) -> None:
    throttled = {"detail": "Request was throttled. Expected available in 43 seconds."}
    for talk in (Dialogue(kept=KEPT), Dialogue()):
        with pytest.raises(Transient) as told:
            talk.replied(throttled, status)
        assert told.value.kind == kind
        assert not isinstance(told.value, Throttled) or told.value.retry_after == 43.0


@pytest.mark.parametrize("status", [429, 502])
def test_a_passing_fault_while_an_approval_is_awaited_is_waited_out(status: int) -> None:
    talk = at_the_view()
    talk.replied({"detail": "Request was throttled."}, status)
    assert talk.at() == ("GET", INQUIRY)
    talk.replied(view("prompt"))
    talk.replied(b"<html>", status)
    assert talk.at() == ("GET", "/push/ch%2F1/get_prompts_status/")
    talk.replied({"challenge_status": "validated"})
    talk.replied({"detail": "Request was throttled."}, status)
    finish(talk)


def test_no_secret_is_in_what_is_shown() -> None:
    talk = Dialogue(kept=KEPT)
    shown = [repr(talk.step)]
    talk.replied({}, 401)
    shown.append(repr(talk.step))
    shown.append(repr(talk.replied(GRANT)))
    assert not [s for s in ("pass'", "r-1", "r-2", "a-1", "d-1", "me@example.org") if s in "".join(shown)]


def walk(talk: Dialogue, bodies: list[bytes]) -> None:
    """Answer with these whatever is asked; ends in a session or denied, or runs out of answers."""
    for body in bodies:
        if isinstance(talk.step, Session):
            return
        if isinstance(talk.step, Question):
            talk.typed("1")
        if isinstance(talk.step, Send):
            talk.replied(body)


SOUND = [
    json.dumps(told).encode()
    for told in (WORKFLOW, {"id": "m-1"}, view("prompt"), {"challenge_status": "validated"}, APPROVED, GRANT)
]


@given(at=st.integers(0, len(SOUND) - 1), data=st.data())
def test_a_changed_answer_at_any_step_ends_in_a_session_a_step_or_denied(
    at: int, data: st.DataObject
) -> None:
    bodies = [*SOUND[:at], data.draw(changed(SOUND[at])), *SOUND[at + 1 :]]
    try:
        walk(Dialogue(), bodies)
    except Denied as error:
        assert "providers login robinhood" in str(error)  # noqa: PT017


@pytest.mark.parametrize("at", range(len(SOUND)))
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_at_any_step_is_no_consent(at: int, body: bytes) -> None:
    talk = Dialogue()
    try:
        walk(talk, [*SOUND[:at], body])
    except Denied:
        return
    assert not isinstance(talk.step, Session)
