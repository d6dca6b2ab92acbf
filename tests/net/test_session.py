"""Credentials go out in headers and come back in nothing."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import replace

import pytest

from evertape.errors import Denied, Transient, UserError
from evertape.model.call import Call
from evertape.net.session import Session
from tests.net.world import ScriptedTransport, call, reply, source

SECRET = "Jane Secret jane@example.org"  # pragma: allowlist secret


def headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    return {"User-Agent": credentials.get("A_IDENTITY") or credentials["B_IDENTITY"]}


SOURCE = replace(
    source(),
    credentials=("A_IDENTITY", "B_IDENTITY"),
    credential_help='export A_IDENTITY="Name you@example.org"',
    headers=headers,
)


def session(below: ScriptedTransport, **credentials: str) -> Session:
    return Session(below, {"made-up": SOURCE}, lambda: credentials)


async def test_the_identity_and_gzip_are_sent_and_the_reply_holds_the_call_as_asked() -> None:
    below = ScriptedTransport([reply])
    asked = call(headers={"Accept": "application/json"})
    answer = await session(below, A_IDENTITY=SECRET, OTHER_KEY="other").send(asked)
    assert below.calls[0].headers == {
        "Accept-Encoding": "gzip",
        "User-Agent": SECRET,
        "Accept": "application/json",
    }
    assert answer.call == asked
    assert SECRET not in repr(answer)


async def test_any_of_the_alternatives_will_do() -> None:
    below = ScriptedTransport([reply])
    await session(below, B_IDENTITY=SECRET).send(call())
    assert below.calls[0].headers["User-Agent"] == SECRET


async def test_a_missing_credential_is_named_with_what_to_type_and_nothing_is_sent() -> None:
    below = ScriptedTransport([])
    with pytest.raises(Denied) as caught:
        await session(below, A_IDENTITY="").send(call())
    assert str(caught.value) == (
        'A_IDENTITY or B_IDENTITY is not set; export A_IDENTITY="Name you@example.org"'
    )
    assert below.calls == []


async def test_a_credential_with_a_line_break_cannot_add_headers() -> None:
    below = ScriptedTransport([])
    with pytest.raises(Denied, match="A_IDENTITY holds a line break"):
        await session(below, A_IDENTITY="Jane\r\nX-Other: 1").send(call())
    assert below.calls == []


async def test_an_error_that_repeats_a_secret_is_redacted() -> None:
    below = ScriptedTransport([lambda _call: Transient(f"the server says: hello {SECRET}")])
    layer = session(below, A_IDENTITY=SECRET)
    with pytest.raises(Transient) as caught:
        await layer.send(call())
    assert str(caught.value) == "the server says: hello <A_IDENTITY>"
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))
    assert SECRET not in repr(layer)


async def test_an_unknown_source_is_named() -> None:
    with pytest.raises(UserError, match="there is no source elsewhere"):
        await session(ScriptedTransport([])).send(call(source="elsewhere"))


async def test_validators_are_asked_for_only_where_a_call_is_conditional() -> None:
    below = ScriptedTransport([reply, reply])
    asked: list[Call] = []

    def validators(about: Call) -> Mapping[str, str]:
        asked.append(about)
        return {"If-None-Match": '"7"'}

    layer = Session(below, {"made-up": source()}, dict, validators=validators)
    await layer.send(call())
    await layer.send(call(conditional=True))
    assert [c.headers.get("If-None-Match") for c in below.calls] == [None, '"7"']
    assert asked == [call(conditional=True)]
