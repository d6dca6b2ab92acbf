"""A wire that shakes hands as a browser does, for sources that answer nobody else.

It needs curl_cffi (the extra `yahoo`). Nothing is followed, kept or sent again unseen.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

from evertape.clock import Clock
from evertape.errors import Malformed, Transient
from evertape.model.call import Call, Reply
from evertape.net.http import Wire, address
from evertape.net.received import MOST_BYTES, WireReply

if TYPE_CHECKING:
    from curl_cffi.requests import AsyncSession, Response

IMPERSONATED: Literal["chrome"] = "chrome"
_HOP = ("content-encoding", "content-length", "transfer-encoding")


def is_there() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("curl_cffi") is not None


class Browser:
    """curl with a browser's TLS and HTTP/2 fingerprint. Times in seconds."""

    def __init__(self, clock: Clock, *, connect_timeout: float = 10.0, total_timeout: float = 30.0) -> None:
        self._clock = clock
        self._timeout = (connect_timeout, total_timeout)
        self._session: AsyncSession[Response] | None = None

    async def send(self, call: Call, arrived: Callable[[], None] = lambda: None) -> Reply:
        """Send one request and read its answer whole.

        Raises:
            Transient: no connection, a reset, a time-out, a body cut short.
            Malformed: a redirect, or a body over 1 GiB.
        """
        from curl_cffi.requests.exceptions import RequestException

        url, began = address(call, None), self._clock.instant()
        # The browser's own names stay: a changed User-Agent no longer fits the handshake.
        headers = {
            n: v for n, v in call.headers.items() if n.lower() not in ("user-agent", "accept-encoding")
        }
        try:
            response = await self._opened().request(
                call.method,  # type: ignore[arg-type]
                url,
                headers=headers,
                data=call.body or None,
                allow_redirects=False,
                timeout=self._timeout,
                impersonate=IMPERSONATED,
                discard_cookies=True,
            )
        except RequestException as error:
            raise Transient(f"{call.url} could not be fetched ({type(error).__name__})") from error
        arrived()
        at = self._clock.now()
        told = [(name.lower(), value or "") for name, value in response.headers.multi_items()]
        if 300 <= response.status_code < 400 and response.status_code != 304:
            raise Malformed(f"{call.url} answers with a redirect to {dict(told).get('location', 'nowhere')}")
        body = response.content
        if len(body) > MOST_BYTES:
            raise Malformed(f"the answer of {call.url} is larger than 1 GiB")
        return WireReply(
            call=call,
            status=response.status_code,
            headers={name: value for name, value in told if name not in _HOP},
            body=body,
            wire=len(body),
            raw=body,
            at=at,
            elapsed=self._clock.instant() - began,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> AsyncSession[Response]:
        if self._session is None:
            from curl_cffi.requests import AsyncSession

            self._session = AsyncSession(trust_env=True)
        return self._session


class ByHost:
    """Two wires as one: hosts that want a browser get one, all others the plain wire."""

    def __init__(self, plain: Wire, browser: Wire, sources: Collection[str]) -> None:
        self._plain = plain
        self._browser = browser
        self._sources = frozenset(sources)

    async def send(self, call: Call, arrived: Callable[[], None] = lambda: None) -> Reply:
        """Send by the wire of the call's source. Raises what that wire raises."""
        wire = self._browser if call.source in self._sources else self._plain
        return await wire.send(call, arrived)

    async def close(self) -> None:
        """Close both."""
        await self._plain.close()
        await self._browser.close()
