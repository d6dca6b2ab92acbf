"""Schwab's Trader API: chains and daily prices for whoever has an account and a registered app.

https://developer.schwab.com/products/trader-api--individual. The limit of 120 requests a minute is what
clients keep to; Schwab publishes one for orders only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from evertape.clock import NEW_YORK, end_of_day, new_york_date
from evertape.datasets import options, universe
from evertape.errors import Denied, Malformed, Throttled, Transient
from evertape.formats.bars import MalformedPrices
from evertape.formats.chains import MalformedChain
from evertape.formats.schwab import fault_of, read_chain, read_expirations, read_history, schwab_symbol
from evertape.formats.typed import same_symbol
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.login import LoginState, Question, Send, Session, Step
from evertape.model.unit import Holding, Span, Standing
from evertape.sources.pages import page_of_chains, page_of_series

_BASE = "https://api.schwabapi.com"
_DATA = f"{_BASE}/marketdata/v1"
TOKEN = f"{_BASE}/v1/oauth/token"
CALLBACK = "https://127.0.0.1:8182"
_PAGE = "https://developer.schwab.com/products/trader-api--individual"
_MANNERS = {"User-Agent": "evertape", "Accept": "application/json"}
WEEK = timedelta(days=7)
"""A refresh token is good for seven days from the login; using it does not prolong that."""
LEEWAY = timedelta(seconds=300)
"""An access token is renewed so long before its end that no call outlives it."""
_AGAIN = "schwab needs a login once a week; run: evertape providers login schwab"


def refusal(reply: Reply) -> Refusal | None:
    """By status, or by the error that Schwab wrote as JSON under status 200.

    404 is an answer: there is no such symbol.
    """
    status, words = reply.status, f"Schwab answered {reply.status}"
    if status == 429:
        return Refusal(kind="throttled", reason=words, retry_after=reply.retry_after)
    if status >= 500:
        return Refusal(kind="transient", reason=words)
    fault = fault_of(reply.body) if status != 200 or len(reply.body) < 4096 else None
    if fault is not None:
        words = f"{words}: {fault[1][:200]}"
        status = fault[0] or 400 if status == 200 else status
    elif status in (200, 304) and reply.body[:400].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return Refusal(kind="transient", reason="Schwab sent a page of HTML in place of data")
    if status == 401:
        return Refusal(kind="expired", reason=words)
    if status == 403:
        return Refusal(kind="denied", reason=f'{words}; is the app "Ready For Use" at developer.schwab.com?')
    if reply.status == 404 or (status in (200, 304) and fault is None):
        return None
    if status == 429 or status >= 500:
        return Refusal(kind="throttled" if status == 429 else "transient", reason=words)
    return Refusal(kind="malformed", reason=words)


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: float = 1800.0
    refresh_token: str = ""


_TOKEN = msgspec.json.Decoder(_Token)


def login(state: LoginState) -> Step:
    """OAuth's code flow: a person's login lasts a week, and tokens of half an hour are got without one.

    A person opens Schwab's address in a browser and pastes the address that the browser is sent to, which
    nobody answers.

    Raises:
        Denied: a person must log in and none is there, or Schwab refuses the code.
        Transient: Schwab cannot answer now, which says nothing about the login.
    """
    if state.reply is not None:
        if state.reply.status == 429:
            raise Throttled("Schwab answered 429 to the login")
        if state.reply.status >= 500:
            raise Transient(f"Schwab answered {state.reply.status} to the login")
        return _granted(state, state.reply)
    if state.answer is not None:
        return _exchange(state, state.answer)
    obtained = _instant(state.kept.get("obtained_at", ""))
    token = state.kept.get("refresh_token")
    if token and obtained is not None and state.now < obtained + WEEK:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return _send(state, form, {"refresh_token": token, "obtained_at": obtained.isoformat()})
    return _person(state)


def _person(state: LoginState, complaint: str = "") -> Step:
    """Ask the person who is there. Raises Denied where none is."""
    if not state.interactive:
        raise Denied(_AGAIN)
    query = urlencode({"client_id": state.credentials["SCHWAB_APP_KEY"], "redirect_uri": CALLBACK})
    return Question(
        prompt=(
            f"{complaint}Open this address, log in at Schwab and allow the app:\n"
            f"  {_BASE}/v1/oauth/authorize?{query}\n"
            f"The browser ends at an address that begins with {CALLBACK} and that it cannot open. "
            "Paste that address here soon: the code in it does not last"
        ),
        secret=True,
    )


def _exchange(state: LoginState, answer: str) -> Step:
    """The code in a pasted address for tokens; an address without one is asked for again."""
    try:
        told = parse_qs(urlsplit(answer.strip()).query)
    except ValueError:
        told = {}
    if "error" in told:
        raise Denied("Schwab did not allow the app; run: evertape providers login schwab")
    if not told.get("code"):
        return _person(state, "That address holds no code. ")
    form = {"grant_type": "authorization_code", "code": told["code"][0], "redirect_uri": CALLBACK}
    return _send(state, form, {"obtained_at": state.now.isoformat()})


def _send(state: LoginState, form: Mapping[str, str], handed: Mapping[str, str]) -> Send:
    pair = f"{state.credentials['SCHWAB_APP_KEY']}:{state.credentials['SCHWAB_APP_SECRET']}"
    return Send(
        call=Call(source="schwab", feed="", url=TOKEN, label="login"),
        method="POST",
        headers={
            **_MANNERS,
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
        state=handed,
    )


def _granted(state: LoginState, reply: Reply) -> Step:
    """What the token's address said: a session, or that a person must log in again."""
    old = state.state.get("refresh_token", "")
    obtained = _instant(state.state.get("obtained_at", "")) or state.now
    try:
        token = _TOKEN.decode(reply.body) if reply.status == 200 else _Token()
        expires = state.now + timedelta(seconds=token.expires_in) - LEEWAY
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        token, expires = _Token(), state.now
    kept = token.refresh_token or old
    if token.access_token and kept and token.access_token.isascii() and token.access_token.isprintable():
        return Session(
            headers={"Authorization": f"Bearer {token.access_token}"},
            expires_at=expires,
            kept={"refresh_token": kept, "obtained_at": obtained.isoformat()},
            person_by=obtained + WEEK,
        )
    if old:
        return _person(state, "Schwab no longer takes the last login. ")
    raise Denied(
        f"Schwab refused the login (status {reply.status}); check SCHWAB_APP_KEY, SCHWAB_APP_SECRET and that "
        f"the app's callback is {CALLBACK}, then run: evertape providers login schwab"
    )


def _instant(text: str) -> datetime | None:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return told if told.tzinfo is not None else None


def _call(feed: str, path: str, query: Mapping[str, str], standing: Standing) -> Call:
    if standing.unit is None:
        raise ValueError(f"{standing.key} is not due")
    symbol, _ = universe.split_listing(standing.unit.key)
    return Call(
        source="schwab",
        feed=feed,
        url=f"{_DATA}/{path}?{urlencode({'symbol': schwab_symbol(symbol), **query})}",
        units=(standing.unit,),
        size=standing.size,
        label=standing.label,
        session=True,
    )


_WHOLE = {"contractType": "ALL", "includeUnderlyingQuote": "true", "strategy": "SINGLE"}


def ask_chains(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call for a whole chain; for the expirations near a target, their list first, then those alone."""
    due = [s for s in standings if s.unit]
    return [
        replace(_call("schwab.chains", "chains", _WHOLE, s), archive=True)
        if s.unit and s.unit.extent == options.ALL
        else replace(_call("schwab.chains", "expirationchain", {}, s), expected=2)
        for s in due
    ]


def read_chains(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The expirations that the unit asks for; a symbol that Schwab does not know settles nothing.

    Schwab has the same empty list of expirations for one that it does not know and for one without options,
    so that it settles nothing either. An empty chain beside the underlying's quote is an answer.
    """
    (unit,) = reply.call.units
    symbol, _ = universe.split_listing(unit.key)
    if reply.status != 200:
        yield Page(notes=(f"Schwab has no options of {symbol} (status {reply.status})",))
        return
    day = new_york_date(reply.at)
    try:
        if "/expirationchain?" in reply.call.url:
            wanted = options.nearest(read_expirations(reply.body), unit.extent, day)
            if wanted:
                yield Page(calls=(_between(reply.call, symbol, Span(wanted[0], wanted[-1])),))
                return
            yield Page(notes=(f"Schwab lists no expirations of {symbol}",))
            return
        chain = read_chain(reply.body, lambda there: options.nearest(there, unit.extent, day))
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    _insist(chain.symbol, symbol, reply)
    if not chain.expirations and chain.price is None:
        yield Page(notes=(f"Schwab has neither options nor a price of {symbol}",))
        return
    yield page_of_chains(unit, (chain,), reply, held.get(unit.key))


def _between(call: Call, symbol: str, span: Span) -> Call:
    dates = {"fromDate": span.start.isoformat(), "toDate": span.end.isoformat()}
    query = urlencode({"symbol": schwab_symbol(symbol), **_WHOLE, **dates})
    return replace(call, url=f"{_DATA}/chains?{query}", archive=True, expected=1)


def ask_prices(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing, for the days of its unit."""
    return [
        replace(_call("schwab.pricehistory", "pricehistory", _days(s.unit.span), s), archive=True)
        for s in standings
        if s.unit and s.unit.span
    ]


def _days(span: Span) -> Mapping[str, str]:
    start = datetime.combine(span.start, time_of_day(), NEW_YORK).astimezone(UTC)
    return {
        "periodType": "year",
        "frequencyType": "daily",
        "frequency": "1",
        "startDate": str(int(start.timestamp()) * 1000),
        "endDate": str(int(end_of_day(span.end).timestamp()) * 1000),
        "needExtendedHoursData": "false",
    }


def read_prices(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """Bars adjusted for splits up to the answer's day. An empty answer settles nothing: Schwab has the same
    one for a symbol that it does not know and for days without trades."""
    (unit,) = reply.call.units
    symbol, _ = universe.split_listing(unit.key)
    series = None
    if reply.status == 200:
        try:
            series = read_history(reply.body, new_york_date(reply.at))
        except MalformedPrices as error:
            raise Malformed(f"{reply.call.url}: {error}") from error
    if series is None or not series.bars:
        yield Page(notes=(f"Schwab has no prices of {symbol} (status {reply.status})",))
        return
    _insist(series.symbol, symbol, reply)
    yield page_of_series(unit, series, reply, held.get(unit.key), reply.wire or None)


def _insist(told: str, asked: str, reply: Reply) -> None:
    """Raises Malformed for an answer about another symbol."""
    if told and not same_symbol(told, asked):
        raise Malformed(f"{reply.call.url} answers for {told}, not for {asked}")


SOURCE = Source(
    name="schwab",
    hosts=("api.schwabapi.com",),
    limits=(Limit(count=120, seconds=60.0, page=_PAGE),),
    refusal=refusal,
    credentials=("SCHWAB_APP_KEY", "SCHWAB_APP_SECRET"),
    credential_help=(
        "register an app at https://developer.schwab.com with the callback "
        f"{CALLBACK}, export SCHWAB_APP_KEY and SCHWAB_APP_SECRET, then run: evertape providers login schwab"
    ),
    all_of=True,
    login=login,
    headers=lambda _credentials: _MANNERS,
)
FEEDS = (
    Feed(
        name="schwab.chains",
        source="schwab",
        dataset="options",
        ask=ask_chains,
        read=read_chains,
        size=60_000,
        rank=10,
        partial=True,
    ),
    Feed(
        name="schwab.pricehistory",
        source="schwab",
        dataset="prices",
        ask=ask_prices,
        read=read_prices,
        size=12_000,
        rank=50,
        partial=True,
        untelling=True,
    ),
)
