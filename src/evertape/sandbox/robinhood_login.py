"""Robinhood's login: a password, a challenge on a device or by text message, a token of one day."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from evertape.sandbox.wire import Call, Reply, as_json, digest

TOKEN_SECONDS = 86400
_ASKED_UNTIL_APPROVED = 2
_CODE = "123456"


class Logins:
    """Who has been verified, and how."""

    def __init__(self) -> None:
        self._looked: Counter[str] = Counter()
        self._approved: set[str] = set()

    def answer(self, call: Call, path: str) -> Reply | None:
        """A page of the login, or None where there is no such page."""
        if path == "oauth2/token" and call.method == "POST":
            return self._token(call)
        if path == "oauth2/revoke_token":
            return as_json({})
        if path == "pathfinder/user_machine":
            workflow = _form(call).get("input", {}).get("workflow_id", "")
            return as_json({"id": workflow}) if workflow else as_json({"detail": "Invalid."}, status=400)
        parts = path.split("/")
        if parts[:2] == ["pathfinder", "inquiries"] and len(parts) == 4:
            return self._inquiry(call, parts[2])
        if parts[0] == "push" and parts[-1] == "get_prompts_status":
            self._look(parts[1])
            status = "validated" if parts[1] in self._approved else "issued"
            return as_json({"challenge_status": status})
        if parts[0] == "challenge" and parts[-1] == "respond":
            if _form(call).get("response") != _CODE:
                told = {"challenge": {"id": parts[1], "status": "issued", "remaining_attempts": 2}}
                return as_json({"detail": "Challenge response is invalid.", **told}, status=400)
            self._approved.add(parts[1])
            return as_json({"id": parts[1], "status": "validated", "type": "sms"})
        return None

    def _token(self, call: Call) -> Reply:
        form = _form(call)
        user = str(form.get("username", ""))
        if form.get("grant_type") == "refresh_token":
            user = "plain"
        if not user or str(form.get("password", "")).startswith("bad"):
            return as_json({"detail": "Unable to log in with provided credentials."}, status=400)
        kind = "sms" if user.startswith("sms") else "prompt"
        workflow = f"{kind}-{digest('workflow', user, form.get('device_token'))[:24]}"
        if not user.startswith("plain") and workflow not in self._approved:
            waiting = {"id": workflow, "workflow_status": "workflow_status_internal_pending"}
            return as_json({"verification_workflow": waiting}, status=403)
        body = {
            "access_token": _token_of(call.at),
            "expires_in": TOKEN_SECONDS,
            "token_type": "Bearer",
            "scope": "internal",
            "refresh_token": digest("refresh", int(call.at))[:40],
            "mfa_code": None,
            "backup_code": None,
        }
        return as_json(body)

    def _inquiry(self, call: Call, workflow: str) -> Reply:
        approved = workflow in self._approved
        if call.method == "POST":
            result = "workflow_status_approved" if approved else "workflow_status_internal_pending"
            return as_json({"type_context": {"result": result}, "sequence": 1})
        kind = workflow.partition("-")[0]
        challenge = {
            "type": kind,
            "status": "validated" if approved else "issued",
            "id": workflow,
            "remaining_attempts": 3,
        }
        return as_json({"sequence": 0, "context": {"sheriff_challenge": challenge}})

    def _look(self, workflow: str) -> None:
        """Somebody asks whether a prompt was approved; the second time it was."""
        self._looked[workflow] += 1
        if workflow.startswith("prompt-") and self._looked[workflow] >= _ASKED_UNTIL_APPROVED:
            self._approved.add(workflow)


def _form(call: Call) -> dict[str, Any]:
    """The body, as JSON or as a form."""
    if call.form.lstrip().startswith(b"{"):
        try:
            given: dict[str, Any] = json.loads(call.form)
        except ValueError:
            return {}
        return given
    return dict(parse_qsl(call.form.decode("latin-1")))


def _token_of(made: float) -> str:
    return f"sandbox.{int(made)}.{digest('robinhood', int(made))[:32]}"


def made_at(token: str) -> float | None:
    """When a token was made, in seconds since 1970; None where it is none."""
    parts = token.split(".")
    if len(parts) != 3 or not parts[1].isdigit() or _token_of(int(parts[1])) != token:
        return None
    return float(parts[1])
