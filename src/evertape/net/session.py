"""Who is asking: credentials as headers, and validators of an earlier answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from evertape.errors import Denied, SourceError, UserError
from evertape.model.call import Call, Reply, Transport
from evertape.model.feed import Source

Validators = Callable[[Call], Mapping[str, str]]


class Session:
    """Adds what the caller must not carry. No credential leaves in a reply, an error or a repr."""

    def __init__(
        self,
        below: Transport,
        sources: Mapping[str, Source],
        credentials: Mapping[str, str],
        validators: Validators | None = None,
    ) -> None:
        self._below = below
        self._sources = sources
        self._credentials = credentials
        self._validators = validators

    def __repr__(self) -> str:
        return f"Session({', '.join(sorted(self._sources))})"

    async def send(self, call: Call) -> Reply:
        """Send with headers. Raises Denied, naming the variable, where a credential is missing."""
        headers = {"Accept-Encoding": "gzip", **self._identity(call), **call.headers}
        if call.conditional and self._validators:
            headers |= await asyncio.to_thread(self._validators, call)
        try:
            reply = await self._below.send(replace(call, headers=headers))
        except SourceError as error:
            error.args = tuple(self._redacted(arg) for arg in error.args)
            raise
        return replace(reply, call=call)

    async def close(self) -> None:
        """Close what is below."""
        await self._below.close()

    def _identity(self, call: Call) -> Mapping[str, str]:
        source = self._sources.get(call.source)
        if source is None:
            raise UserError(f"there is no source {call.source}, which {call.url} belongs to")
        given = {name: self._credentials[name] for name in source.credentials if self._credentials.get(name)}
        if source.credentials and not given:
            names = " or ".join(source.credentials)
            raise Denied(f"{names} is not set; {source.credential_help}")
        for name, value in given.items():
            if not value.isprintable():
                raise Denied(f"{name} holds a line break or another unprintable character; set it again")
        return source.headers(given)

    def _redacted(self, text: object) -> object:
        if isinstance(text, str):
            for name, value in self._credentials.items():
                if len(value) >= 6:
                    text = text.replace(value, f"<{name}>")
        return text
