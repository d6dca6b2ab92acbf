"""The wire: one call is one request. Foreign exceptions become ours here and nowhere else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from evertape.clock import Clock
from evertape.errors import Malformed, SourceError, Transient
from evertape.model.call import Call, Reply
from evertape.model.events import Emit
from evertape.net.download import Download, Received
from evertape.net.landing import Landing
from evertape.net.received import MOST_BYTES, WireReply, gunzip

if TYPE_CHECKING:
    import aiohttp

_INLINE = 256 * 1024
"""Bytes on the wire up to which decompressing on the event loop costs less than a thread."""


SLOTS = 64
"""Requests on the wire at once; one that waits for a permit or a retry takes none."""


class Wire(Protocol):
    """The bottom of the stack. `arrived` is called once, when the response headers are there."""

    async def send(self, call: Call, arrived: Callable[[], None] = ...) -> Reply:
        """Send one request. Raises Transient or Malformed; any status is an answer."""

    async def close(self) -> None:
        """Give back connections."""


def address(call: Call, reroute: str | None) -> str:
    """Where a call goes: `https://HOST/PATH`, or `BASE/HOST/PATH` where sources are re-routed.

    The call's `query` is added here, so that nothing above the wire shows it.
    """
    parts = urlsplit(call.url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Malformed(f"{call.url} is not an address that can be fetched")
    url = call.url
    if call.query:
        url += ("&" if parts.query else "?") + urlencode(call.query)
    return f"{reroute.rstrip('/')}/{url.split('://', 1)[1]}" if reroute else url


class Http:
    """aiohttp without its conveniences: no redirects, no cookies, no unseen second send.

    Args:
        connect_timeout, total_timeout: seconds; of a body that goes to disk, the latter is the time
            without a byte.
        home: what `Call.into` is relative to; None refuses such calls.
        reroute: a sandbox's base address. jitter: most seconds of random delay before a send.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        connect_timeout: float = 10.0,
        total_timeout: float = 30.0,
        reroute: str | None = None,
        jitter: float = 0.0,
        home: Path | None = None,
    ) -> None:
        self._slots = asyncio.Semaphore(SLOTS)
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._total_timeout = total_timeout
        self._reroute = reroute
        self._jitter = jitter
        self._home = home
        self.on_event: Emit = lambda _event: None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call, arrived: Callable[[], None] = lambda: None) -> WireReply:
        """Send one request and read its answer whole, or onto disk where the call says `into`.

        Raises:
            Transient: no connection, a reset, a time-out, a body cut short or damaged.
            Malformed: a redirect, an encoding nobody asked for, a body over 1 GiB.
            OverBudget, StoreError: see `Download.take`.
        """
        import aiohttp

        url = address(call, self._reroute)
        received = Received()
        landing = self._landing(call)
        download = (
            await asyncio.to_thread(Download, call, landing, received, self.on_event) if landing else None
        )
        if self._jitter:
            await self._clock.sleep(random.uniform(0.0, self._jitter))  # noqa: S311
        began = self._clock.instant()
        try:
            async with self._slots, self._asked(url, call, download) as response:
                arrived()
                at = self._clock.now()
                headers = _plain(response, call.url)
                raw = await (download.take(response, headers) if download else _read(response, call.url))
        except (aiohttp.ClientError, TimeoutError, OSError, _Dropped) as error:
            fault = _fault(error, call.url)
            fault.fetched = received.bytes
            raise fault from error
        except SourceError as error:
            error.fetched = received.bytes
            raise
        path = landing.path if landing and raw is None else None
        if path:
            headers["content-length"] = str(path.stat().st_size)
        return WireReply(
            call=call,
            status=response.status if response.status != 206 else 200,
            headers=headers,
            body=await _decoded(raw or b"", headers.get("content-encoding", "identity").lower(), call.url),
            wire=received.bytes if download else len(raw or b""),
            raw=raw or b"",
            at=at,
            elapsed=self._clock.instant() - began,
            path=path,
        )

    def _landing(self, call: Call) -> Landing | None:
        if not call.into:
            return None
        if self._home is None:
            raise Malformed(f"{call.url} goes to {call.into}, and there is no home to put it in")
        return Landing(self._home, call.into)

    def _asked(self, url: str, call: Call, download: Download | None) -> Any:
        session = self._opened()
        if download is None:
            # A step of a login may have a body; all else is a GET.
            body = call.body or None
            return session.request(
                call.method, url, headers=dict(call.headers), data=body, allow_redirects=False
            )
        return session.get(
            url,
            headers={**call.headers, **download.headers},
            allow_redirects=False,
            timeout=self._timeout(total=None, silent=self._total_timeout),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_send_once,),
                timeout=self._timeout(total=self._total_timeout),
                trust_env=self._reroute is None,
            )
        return self._session

    def _timeout(self, total: float | None, silent: float | None = None) -> aiohttp.ClientTimeout:
        import aiohttp

        return aiohttp.ClientTimeout(
            total=total,
            connect=self._connect_timeout,
            sock_connect=self._connect_timeout,
            sock_read=silent,
        )


def _plain(response: aiohttp.ClientResponse, url: str) -> dict[str, str]:
    """An answer's headers, names in lower case. Raises Malformed for a redirect."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        told = headers.get(name.lower())
        # Several of one name mean the same as one with commas between; cookies come that way.
        headers[name.lower()] = value if told is None else f"{told}, {value}"
    if 300 <= response.status < 400 and response.status != 304:
        raise Malformed(f"{url} answers with a redirect to {headers.get('location', 'nowhere')}")
    return headers


async def _send_once(request: Any, handler: Callable[[Any], Any]) -> Any:
    """aiohttp sends again unseen when a kept connection was dropped; each send needs a permit."""
    import aiohttp

    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Dropped(error) from error


class _Dropped(Exception):
    """Carries an exception past aiohttp's own second send."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def _read(response: aiohttp.ClientResponse, url: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MOST_BYTES:
            raise Malformed(f"the answer of {url} is larger than 1 GiB")
        chunks.append(chunk)
    return b"".join(chunks)


async def _decoded(raw: bytes, encoding: str, url: str) -> bytes:
    if encoding in ("identity", "") or not raw:
        return raw
    if encoding not in ("gzip", "x-gzip"):
        raise Malformed(f"{url} answers in the encoding {encoding}, which was not asked for")
    if len(raw) <= _INLINE:
        return gunzip(raw, url)
    return await asyncio.to_thread(gunzip, raw, url)


def _fault(raised: Exception, url: str) -> SourceError:
    """What a foreign exception means, in a sentence."""
    import aiohttp

    error = raised.error if isinstance(raised, _Dropped) else raised
    host = urlsplit(url).hostname
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Transient(f"the name {host} cannot be resolved for {url}; is there a network?")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Transient(
            f"the certificate of {host} is not trusted for {url}; are the clock and proxy right?"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return Transient(f"no connection to {host} for {url} ({_short(error.os_error)}); is there a network?")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Transient(f"no connection to {host} in time for {url}; is there a network?")
    if isinstance(error, TimeoutError):
        return Transient(f"{url} did not answer in time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Transient(f"the answer of {url} is cut off")
    if isinstance(error, (aiohttp.ServerDisconnectedError, OSError)):
        return Transient(f"the connection was dropped before {url} answered ({_short(error)})")
    if isinstance(error, aiohttp.ClientResponseError):
        return Transient(f"{url} did not answer in HTTP ({error.message})")
    return Transient(f"{url} failed ({type(error).__name__})")


def _short(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
