"""Robinhood's login: a password, and a person's approval for a device that it does not know yet.

The approval is a tap in the app (polled for two minutes) or a code sent by text message or mail. Steps and
fields follow a published client of the API; they are not recorded.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from evertape.errors import Denied, Throttled, Transient
from evertape.formats.robinhood import fault_of, seconds_of
from evertape.model.call import Call, Reply
from evertape.model.login import LoginState, Question, Send, Session, Step

API = "https://api.robinhood.com"
_CLIENT = "c82SH0WZOsabOXGP2sxqcj34FxkvfnWRZBKlBjFS"  # pragma: allowlist secret
"""The public name of Robinhood's own web client, which everybody's browser sends; no secret."""
PATIENCE = timedelta(minutes=2)
"""For so long Robinhood waits for an approval."""
POLL = 5.0
"""Seconds between two looks at whether it was given."""
MANNERS = {"User-Agent": "evertape", "Accept": "application/json", "X-Robinhood-API-Version": "1.431.4"}
"""What goes with every request; the version is the one that clients send."""
_POLLING = frozenset({"viewed", "tapped", "continued"})
"""Steps that are repeated until the two minutes are over, whatever an answer says in between."""
LEEWAY = timedelta(seconds=300)
_LIFETIME = 86_400
_APPROVED = "workflow_status_approved"
_AGAIN = "robinhood wants a person to log in; run: evertape providers login robinhood"


def login(state: LoginState) -> Step:
    """The next step. What was kept of the last login comes first, then the password.

    Raises:
        Denied: Robinhood refuses, nobody approves in time, or a person is needed and none is there.
        Transient: Robinhood cannot answer now, which says nothing about the login.
    """
    step = state.state.get("step", "")
    if state.reply is not None and step not in _POLLING:
        _insist_on_an_answer(state.reply)
    return _STEPS.get(step, _begin)(state)


def _insist_on_an_answer(reply: Reply) -> None:
    """Raises Throttled, Transient for an answer that tells nothing."""
    if reply.status == 429:
        words = fault_of(reply.body) or "no words"
        raise Throttled(f"Robinhood answered 429 to the login: {words[:200]}", seconds_of(words))
    if reply.status >= 500:
        raise Transient(f"Robinhood answered {reply.status} to the login")


def _begin(state: LoginState) -> Step:
    token, device = state.kept.get("refresh_token"), state.kept.get("device_token")
    if not token or not device:
        return _password(state)
    form = {"grant_type": "refresh_token", "refresh_token": token, "device_token": device}
    return _token(form, {"step": "refreshed", "device_token": device})


def _refreshed(state: LoginState) -> Step:
    """A session, or the password where the kept token is no longer taken."""
    told = _told(state)
    return _session(state, told) if _text(told, "access_token") else _password(state)


def _password(state: LoginState, **handed: str) -> Step:
    """The password from a known device; from a new one only where a person can approve it."""
    device = state.state.get("device_token") or state.kept.get("device_token")
    if device is None and not state.interactive:
        raise Denied(_AGAIN)
    device = device or _new_device(state)
    form = {
        "grant_type": "password",
        "username": state.credentials["ROBINHOOD_USERNAME"],
        "password": state.credentials["ROBINHOOD_PASSWORD"],
        "device_token": device,
        "try_passkeys": "false",
        "token_request_path": "/login",
        "create_read_only_secondary_token": "true",
    }
    if "mfa_code" in handed:
        form["mfa_code"] = handed.pop("mfa_code")
    return _token(form, {"step": "answered", "device_token": device, **handed})


def _new_device(state: LoginState) -> str:
    """A name for this computer, kept from then on."""
    seed = f"{state.credentials['ROBINHOOD_USERNAME']} {state.now.isoformat()}"
    return str(uuid.UUID(bytes=hashlib.blake2b(seed.encode(), digest_size=16).digest(), version=4))


def _token(form: Mapping[str, str], handed: Mapping[str, str]) -> Send:
    whole = {"client_id": _CLIENT, "expires_in": str(_LIFETIME), "scope": "internal", **form}
    return Send(
        call=_call(f"{API}/oauth2/token/", "login"),
        method="POST",
        headers={**MANNERS, "Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(whole).encode(),
        state=handed,
    )


def _answered(state: LoginState) -> Step:
    """What the password brought: a session, a code to type, or a workflow of approval."""
    told = _told(state)
    if _text(told, "access_token"):
        return _session(state, told)
    workflow = _text(told, "verification_workflow", "id")
    if workflow and "approved" not in state.state:
        if not state.interactive:
            raise Denied(_AGAIN)
        sent = {
            "device_id": state.state["device_token"],
            "flow": "suv",
            "input": {"workflow_id": workflow},
        }
        deadline = {"step": "machine", "deadline": (state.now + PATIENCE).isoformat()}
        return _post(state, f"{API}/pathfinder/user_machine/", sent, deadline)
    if told.get("mfa_required") is True and "mfa" not in state.state:
        if not state.interactive:
            raise Denied(_AGAIN)
        handed = {**state.state, "step": "mfa"}
        return Question(prompt="The code of your authenticator app", secret=True, state=handed)
    said = _text(told, "detail") or f"status {state.reply.status if state.reply else 0}"
    raise Denied(
        f"Robinhood refused the login ({said[:200]}); check ROBINHOOD_USERNAME and ROBINHOOD_PASSWORD, then "
        "run: evertape providers login robinhood"
    )


def _mfa(state: LoginState) -> Step:
    return _password(state, mfa_code=(state.answer or "").strip(), mfa="sent")


def _machine(state: LoginState) -> Step:
    machine = _text(_told(state), "id")
    if not machine:
        raise Denied(f"Robinhood began no approval of the login; {_AGAIN}")
    return _look(state, machine, wait=0.0)


def _look(state: LoginState, machine: str, wait: float = POLL) -> Step:
    """Ask how the approval is to be given, unless the two minutes are over."""
    _insist_on_time(state)
    handed = {**state.state, "step": "viewed", "machine": machine}
    return Send(call=_call(_inquiry(machine), "login"), headers=MANNERS, state=handed, wait=wait)


def _viewed(state: LoginState) -> Step:
    told = _told(state)
    challenge = next((c for c in (_part(told, *path) for path in _CHALLENGES) if c), {})
    kind, ident = _text(challenge, "type"), _text(challenge, "id")
    if _is_approved(told):
        return _approved(state)
    if _text(challenge, "status") == "validated":
        return _continue(state)
    if not kind or not ident:
        return _look(state, state.state["machine"])
    if kind == "prompt":
        return _await_tap(state, ident)
    if kind in ("sms", "email"):
        return _ask_code(state, ident, "by text message" if kind == "sms" else "by mail")
    raise Denied(f"Robinhood wants the login approved by {kind[:40]!r}, which only its app can do; {_AGAIN}")


def _await_tap(state: LoginState, challenge: str) -> Step:
    _insist_on_time(state)
    url = f"{API}/push/{quote(challenge, safe='')}/get_prompts_status/"
    call = _call(url, "waiting for the tap on Yes in Robinhood's app")
    handed = {**state.state, "step": "tapped", "challenge": challenge}
    return Send(call=call, headers=MANNERS, state=handed, wait=POLL)


def _tapped(state: LoginState) -> Step:
    status = _text(_told(state), "challenge_status")
    if status in ("validated", "redeemed"):
        return _continue(state)
    if status not in ("", "issued", "pending"):
        raise Denied(f"the login was not approved in Robinhood's app ({status[:40]}); {_AGAIN}")
    return _await_tap(state, state.state["challenge"])


def _ask_code(state: LoginState, challenge: str, way: str, complaint: str = "") -> Step:
    handed = {**state.state, "step": "code", "challenge": challenge, "way": way}
    return Question(prompt=f"{complaint}The code that Robinhood sent {way}", secret=True, state=handed)


def _code(state: LoginState) -> Step:
    url = f"{API}/challenge/{quote(state.state['challenge'], safe='')}/respond/"
    return _post(state, url, {"response": (state.answer or "").strip()}, {"step": "responded"})


def _responded(state: LoginState) -> Step:
    told = _told(state)
    if _text(told, "status") == "validated":
        return _continue(state)
    left = _part(told, "challenge").get("remaining_attempts", told.get("remaining_attempts"))
    if isinstance(left, int) and left > 0:
        complaint = f"That code was not taken, {left} more may be tried. "
        return _ask_code(state, state.state["challenge"], state.state["way"], complaint)
    raise Denied(f"Robinhood did not take the code; {_AGAIN}")


def _continue(state: LoginState, wait: float = 0.0) -> Step:
    """Go on with the workflow once the challenge is met."""
    _insist_on_time(state)
    sent = {"sequence": 0, "user_input": {"status": "continue"}}
    return _post(state, _inquiry(state.state["machine"]), sent, {"step": "continued"}, wait)


def _continued(state: LoginState) -> Step:
    return _approved(state) if _is_approved(_told(state)) else _continue(state, POLL)


def _approved(state: LoginState) -> Step:
    """The password once more, which is now taken."""
    return _password(state, approved="yes")


def _session(state: LoginState, told: Mapping[str, Any]) -> Session:
    token = _text(told, "access_token")
    if not token.isascii() or not token.isprintable():
        raise Denied(f"Robinhood sent a token that is none; {_AGAIN}")
    lifetime = told.get("expires_in")
    seconds = lifetime if isinstance(lifetime, (int, float)) and 0 < lifetime < 10**9 else _LIFETIME
    kept = {
        "refresh_token": _text(told, "refresh_token") or state.kept.get("refresh_token", ""),
        "device_token": state.state["device_token"],
    }
    return Session(
        headers={"Authorization": f"Bearer {token}"},
        expires_at=state.now + timedelta(seconds=seconds) - LEEWAY,
        kept={name: value for name, value in kept.items() if value},
    )


def _insist_on_time(state: LoginState) -> None:
    """Raises Denied once the two minutes are over."""
    if state.now >= datetime.fromisoformat(state.state["deadline"]):
        raise Denied(f"the login was not approved within {PATIENCE.seconds} seconds; {_AGAIN}")


def _post(
    state: LoginState, url: str, sent: Mapping[str, Any], handed: Mapping[str, str], wait: float = 0.0
) -> Send:
    return Send(
        call=_call(url, "login"),
        method="POST",
        headers={**MANNERS, "Content-Type": "application/json"},
        body=msgspec.json.encode(sent),
        state={**state.state, **handed},
        wait=wait,
    )


def _call(url: str, label: str) -> Call:
    return Call(source="robinhood", feed="", url=url, label=label)


def _inquiry(machine: str) -> str:
    return f"{API}/pathfinder/inquiries/{quote(machine, safe='')}/user_view/"


_CHALLENGES = (
    ("context", "sheriff_challenge"),
    ("type_context", "context", "sheriff_challenge"),
    ("type_context", "sheriff_challenge"),
)
_RESULTS = (("type_context", "result"), ("context", "result"), ("verification_workflow", "workflow_status"))


def _is_approved(told: Mapping[str, Any]) -> bool:
    return any(_text(told, *path) == _APPROVED for path in _RESULTS)


def _told(state: LoginState) -> Mapping[str, Any]:
    """The answer's object; empty for anything else, which no step takes for consent."""
    try:
        told = msgspec.json.decode(state.reply.body) if state.reply else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _part(told: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    for key in path:
        found = told.get(key)
        told = found if isinstance(found, dict) else {}
    return told


def _text(told: Mapping[str, Any], *path: str) -> str:
    """The string at a path; empty where there is none."""
    found = _part(told, *path[:-1]).get(path[-1])
    return found if isinstance(found, str) else ""


_STEPS: Mapping[str, Callable[[LoginState], Step]] = {
    "refreshed": _refreshed,
    "answered": _answered,
    "mfa": _mfa,
    "machine": _machine,
    "viewed": _viewed,
    "tapped": _tapped,
    "code": _code,
    "responded": _responded,
    "continued": _continued,
}
