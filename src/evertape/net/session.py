"""Who is asking: credentials as headers, and validators of an earlier answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from evertape.errors import Denied, SourceError, UserError
from evertape.model.call import Call, Reply, Transport
from evertape.model.feed import Source
from evertape.net.gate import Expired
from evertape.net.login import Logins

Validators = Callable[[Call], Mapping[str, str]]


class Session:
    """Adds what the caller must not carry. No credential leaves in a reply, an error or a repr."""

    def __init__(
        self,
        below: Transport,
        sources: Mapping[str, Source],
        credentials: Callable[[], Mapping[str, str]],
        logins: Logins | None = None,
        validators: Validators | None = None,
    ) -> None:
        self._below = below
        self._sources = sources
        self._credentials = credentials
        self._logins = logins
        self._validators = validators

    def __repr__(self) -> str:
        return f"Session({', '.join(sorted(self._sources))})"

    async def send(self, call: Call) -> Reply:
        """Send with headers, and with the source's session where the call asks for it.

        A session that the source calls ended is got anew, once.

        Raises:
            Denied: a credential is missing, named by its variable, or the source refuses it.
        """
        given = self._credentials()
        headers = {"Accept-Encoding": "gzip", **self._identity(call, given), **call.headers}
        if call.conditional and self._validators:
            headers |= await asyncio.to_thread(self._validators, call)
        try:
            reply = await self._with_session(call, replace(call, headers=headers))
        except SourceError as error:
            error.args = tuple(self._redacted(arg, given) for arg in error.args)
            raise
        return replace(reply, call=call)

    async def _with_session(self, call: Call, sent: Call) -> Reply:
        source = self._sources[call.source]
        if not call.session or source.login is None or self._logins is None:
            return await self._below.send(sent)
        ended = None
        while True:
            held = await self._logins.session(source, ended)
            headers, query = {**sent.headers, **held.headers}, {**sent.query, **held.query}
            try:
                return await self._below.send(replace(sent, headers=headers, query=query))
            except Expired:
                if ended is not None:
                    raise
                ended = held

    async def close(self) -> None:
        """Close what is below."""
        await self._below.close()

    def _identity(self, call: Call, credentials: Mapping[str, str]) -> Mapping[str, str]:
        source = self._sources.get(call.source)
        if source is None:
            raise UserError(f"there is no source {call.source}, which {call.url} belongs to")
        given = source.chosen(credentials)
        if not source.has_credentials(credentials):
            raise Denied(source.lacking())
        for name, value in given.items():
            if not value.isprintable():
                raise Denied(f"{name} holds a line break or another unprintable character; set it again")
        return source.headers(given)

    def _redacted(self, text: object, credentials: Mapping[str, str]) -> object:
        if isinstance(text, str):
            secrets = self._logins.secrets if self._logins else {}
            for name, value in {**credentials, **secrets}.items():
                if len(value) >= 6:
                    text = text.replace(value, f"<{name}>")
        return text
