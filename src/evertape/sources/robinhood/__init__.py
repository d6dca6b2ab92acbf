"""Robinhood: chains and daily prices for whoever has an account. Its API is not published.

It states no limits; about a request a second is what clients found it to bear, and too many logins lock
an account out for hours.
"""

from __future__ import annotations

from evertape.formats.robinhood import fault_of, seconds_of
from evertape.model.call import Reply
from evertape.model.feed import Feed, Limit, Refusal, Source
from evertape.sources.robinhood.chains import ask_options, read_options
from evertape.sources.robinhood.historicals import ask_prices, read_prices
from evertape.sources.robinhood.login import MANNERS, login

_PAGE = "https://github.com/sanko/Robinhood/issues/7"
_LONGEST = 600.0
"""Seconds up to which a wait that Robinhood asks for holds for every process; a longer one is a lock, and
the calls fail at once."""


def refusal(reply: Reply) -> Refusal | None:
    """By status, or by the error that Robinhood wrote as JSON under status 200.

    404 is an answer: there is no such thing.
    """
    words = fault_of(reply.body) if reply.status != 200 or len(reply.body) < 4096 else None
    reason = f"Robinhood answered {reply.status}" + (f": {words[:200]}" if words else "")
    wait = seconds_of(words or "")
    if reply.status == 429 or wait is not None or "throttled" in (words or "").lower():
        pause = wait if wait is not None and wait <= _LONGEST else None
        return Refusal(kind="throttled", reason=reason, retry_after=wait, pause=pause)
    if reply.status >= 500:
        return Refusal(kind="transient", reason=reason)
    if reply.status == 401 or (reply.status == 200 and _is_about_login(words)):
        return Refusal(kind="expired", reason=reason)
    if reply.status == 403:
        return Refusal(kind="denied", reason=f"{reason}; log in anew: evertape providers login robinhood")
    if reply.status == 404:
        return None
    if reply.status in (200, 304) and words is None:
        if reply.body[:400].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            return Refusal(kind="transient", reason="Robinhood sent a page of HTML in place of data")
        return None
    return Refusal(kind="malformed", reason=reason)


def _is_about_login(words: str | None) -> bool:
    return words is not None and any(part in words.lower() for part in ("token", "credentials"))


SOURCE = Source(
    name="robinhood",
    hosts=("api.robinhood.com",),
    limits=(
        Limit(count=100, seconds=60.0, page=_PAGE),
        Limit(count=5000, seconds=3600.0, page=_PAGE),
    ),
    refusal=refusal,
    credentials=("ROBINHOOD_USERNAME", "ROBINHOOD_PASSWORD"),
    credential_help=(
        "export ROBINHOOD_USERNAME and ROBINHOOD_PASSWORD, then run: evertape providers login robinhood"
    ),
    all_of=True,
    login=login,
    headers=lambda _credentials: MANNERS,
)
FEEDS = (
    Feed(
        name="robinhood.options",
        source="robinhood",
        dataset="options",
        ask=ask_options,
        read=read_options,
        size=120_000,
        rank=50,
        partial=True,
    ),
    Feed(
        name="robinhood.historicals",
        source="robinhood",
        dataset="prices",
        ask=ask_prices,
        read=read_prices,
        size=60_000,
        rank=70,
        partial=True,
        untelling=True,
    ),
)
