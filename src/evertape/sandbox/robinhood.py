"""Robinhood's unofficial API: a login with its verification, quotes, histories and options, all as text."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from evertape.sandbox.robinhood_bodies import (
    chain_row,
    history_row,
    instrument_row,
    listing_place,
    market_row,
    option_place,
    option_row,
    quote_row,
)
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import Call, Reply, as_json, digest
from evertape.sandbox.world import World

_TOKEN_SECONDS = 86400
_PAGE = 100
_ASKED_UNTIL_APPROVED = 2
_CODE = "123456"


class Robinhood:
    """The protocol for the listings of a world.

    A user name that begins with `plain` is let in at once, `sms...` is asked for the code 123456, and all
    others are approved on their device by the second time that somebody looks.
    """

    name: str = "robinhood"
    hosts: tuple[str, ...] = ("api.robinhood.com",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._looked: Counter[str] = Counter()
        self._approved: set[str] = set()

    def admit(self, call: Call) -> Reply | None:
        """401 without a token of the last day; the login's own pages are open."""
        if call.path.startswith(("oauth2/", "pathfinder/", "push/", "challenge/")):
            return None
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        made = _made_at(token)
        if made is not None and 0 <= call.at - made < _TOKEN_SECONDS:
            return None
        return as_json({"detail": "Incorrect authentication credentials."}, status=401)

    def answer(self, call: Call) -> Reply:
        """The page asked for."""
        path = call.path.rstrip("/")
        first, _, last = path.partition("/")
        if first in ("oauth2", "pathfinder", "push", "challenge"):
            return self._login(call, path)
        listed = {
            "quotes": self._quotes,
            "instruments": self._instruments,
            "quotes/historicals": self._histories,
            "options/chains": self._chains,
            "options/instruments": self._options,
            "marketdata/options": self._market,
        }
        if path in listed:
            return listed[path](call)
        parent, _, last = path.rpartition("/")
        if parent == "quotes" and (one := self._world.find(self.name, last)) is not None:
            return as_json(quote_row(one, last, self._world), lasting=True)
        if parent == "instruments" and (one := self._listing(last)) is not None:
            return as_json(instrument_row(one, self._world), lasting=True)
        if parent == "options/chains" and (one := self._listing(last)) is not None and one.optionable:
            return as_json(chain_row(one, self._world), lasting=True)
        if parent == "marketdata/options" and (found := option_place(last, self._world)) is not None:
            return as_json(market_row(*found), lasting=True)
        if parent == "options/instruments" and (found := option_place(last, self._world)) is not None:
            return as_json(option_row(*found), lasting=True)
        return self.absent(call)

    def absent(self, call: Call) -> Reply:
        """A page that does not exist."""
        return as_json({"detail": "Not found."}, status=404)

    def refuse(self, call: Call, seconds: int) -> Reply:
        """429 with the seconds in its text alone."""
        text = f"Request was throttled. Expected available in {seconds} second{'s' * (seconds != 1)}."
        return as_json({"detail": text}, status=429)

    def _login(self, call: Call, path: str) -> Reply:
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
        return self.absent(call)

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
            "expires_in": _TOKEN_SECONDS,
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

    def _listing(self, identity: str) -> Listing | None:
        place = listing_place(identity)
        return self._world.by_index(self.name, *place) if place is not None else None

    def _named(self, call: Call) -> list[tuple[str, Listing | None]]:
        names = call.listed("symbols") or call.listed("symbol")
        return [(name, self._world.find(self.name, name)) for name in names]

    def _quotes(self, call: Call) -> Reply:
        found = self._named(call)
        rows = [quote_row(one, name, self._world) if one is not None else None for name, one in found]
        return as_json({"results": rows}, lasting=True)

    def _instruments(self, call: Call) -> Reply:
        found = [instrument_row(one, self._world) for _, one in self._named(call) if one is not None]
        return as_json({"next": None, "previous": None, "results": found}, lasting=True)

    def _histories(self, call: Call) -> Reply:
        interval, span = call.query.get("interval", "day"), call.query.get("span", "year")
        if interval != "day":
            return as_json({"detail": "This sandbox has daily bars alone."}, status=400)
        found = self._named(call)
        rows = [history_row(one, name, span, self._world) for name, one in found if one is not None]
        return as_json({"results": rows}, lasting=True)

    def _chains(self, call: Call) -> Reply:
        found = [self._listing(one) for one in call.listed("equity_instrument_ids")]
        found += [one for _, one in self._named(call)]
        rows = [chain_row(one, self._world) for one in found if one is not None and one.optionable]
        return as_json({"next": None, "previous": None, "results": rows}, lasting=True)

    def _options(self, call: Call) -> Reply:
        listing = self._world.find(self.name, call.query.get("chain_symbol", ""))
        if "chain_id" in call.query:
            listing = self._listing(call.query["chain_id"])
        chain = self._world.chain(listing) if listing is not None else None
        places: Sequence[int] = []
        if chain is not None and call.query.get("state", "active") == "active":
            days, kind = set(call.listed("expiration_dates")), call.query.get("type")
            strike = call.query.get("strike_price")
            places = [
                n
                for n in range(len(chain.codes))
                if (not days or chain.expiries[n].isoformat() in days)
                and (kind is None or chain.calls[n] == (kind == "call"))
                and (strike is None or chain.strikes[n] == float(strike))
            ]
        start = _cursor(call)
        rows = [option_row(chain, n) for n in places[start : start + _PAGE]] if chain is not None else []
        page = {
            "next": _page(call, start + _PAGE) if start + _PAGE < len(places) else None,
            "previous": _page(call, max(0, start - _PAGE)) if start else None,
            "results": rows,
        }
        return as_json(page, lasting=True)

    def _market(self, call: Call) -> Reply:
        asked = call.listed("instruments") or call.listed("ids")
        found = [option_place(one.rstrip("/").rpartition("/")[2], self._world) for one in asked]
        rows = [market_row(*one) if one is not None else None for one in found]
        return as_json({"results": rows}, lasting=True)


def _form(call: Call) -> dict[str, Any]:
    """The body, as JSON or as a form."""
    if call.form.lstrip().startswith(b"{"):
        try:
            given: dict[str, Any] = json.loads(call.form)
        except ValueError:
            return {}
        return given
    return dict(parse_qsl(call.form.decode("latin-1")))


def _cursor(call: Call) -> int:
    try:
        text = base64.b64decode(call.query.get("cursor", "")).decode()
    except ValueError:
        return 0
    return int(text[2:]) if text.startswith("p=") and text[2:].isdigit() else 0


def _page(call: Call, start: int) -> str:
    kept = {name: value for name, value in call.query.items() if name != "cursor"}
    cursor = base64.b64encode(f"p={start}".encode()).decode()
    return f"https://{call.host}/{call.path}?{urlencode({**kept, 'cursor': cursor})}"


def _token_of(made: float) -> str:
    return f"sandbox.{int(made)}.{digest('robinhood', int(made))[:32]}"


def _made_at(token: str) -> float | None:
    parts = token.split(".")
    if len(parts) != 3 or not parts[1].isdigit() or _token_of(int(parts[1])) != token:
        return None
    return float(parts[1])
