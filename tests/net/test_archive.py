"""What is kept, how it comes back, and what happens where it cannot."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from evertape.errors import Malformed, StoreError
from evertape.model.call import Call, Reply
from evertape.model.unit import Span, Unit
from evertape.net.archive import Archive, Shelf
from evertape.net.received import WireReply
from tests.net.world import START, ScriptedTransport, call, reply

UNITS = (Unit("facts", "0000320193"), Unit("filings", "2026/QTR2", Span(date(2026, 4, 1), date(2026, 6, 30))))
ASKED = call("CIK0000320193.json", units=UNITS, archive=True)


def wire(to: Call, body: bytes, *, tag: str = "", status: int = 200, minutes: int = 0) -> WireReply:
    """A gzipped answer as it comes from the wire."""
    raw = gzip.compress(body, mtime=minutes)
    headers = {"content-encoding": "gzip", "set-cookie": "x=1"} | ({"etag": tag} if tag else {})
    at = START + timedelta(minutes=minutes)
    return WireReply(call=to, status=status, headers=headers, body=body, wire=len(raw), raw=raw, at=at)


def blobs(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("index.db"))


async def test_a_kept_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    archive = Archive(ScriptedTransport([wire(ASKED, b"{facts}", tag='"7"')]), Shelf(tmp_path))
    first = await archive.send(ASKED)
    (kept,) = archive.urls("made-up.feed")
    assert (kept.url, kept.units, kept.fetched_at) == (ASKED.url, UNITS, START)
    assert kept.headers == {"content-encoding": "gzip", "etag": '"7"'}
    again = await archive.send(call(url=f"archive:{kept.url}", units=kept.units))
    assert (again.body, again.status, again.at, again.wire) == (b"{facts}", 200, START, first.wire)
    assert (again.origin, again.attempts) == ("archive", 0)
    assert again.call.units == UNITS
    assert getattr(first, "raw", b"") == b""
    await archive.close()


async def test_the_bytes_are_those_of_the_wire_and_identity_is_compressed_here(tmp_path: Path) -> None:
    zipped, clear = wire(ASKED, b"zipped"), reply(replace(ASKED, url="https://example.org/clear"), b"clear")
    archive = Archive(ScriptedTransport([zipped, clear]), Shelf(tmp_path))
    await archive.send(zipped.call)
    await archive.send(clear.call)
    shelf = Shelf(tmp_path)
    paths = {kept.url: shelf.path(kept.sha256) for kept in archive.urls("made-up.feed")}
    assert paths[zipped.call.url].read_bytes() == zipped.raw
    assert gzip.decompress(paths[clear.call.url].read_bytes()) == b"clear"
    assert paths[clear.call.url].parent.parent == tmp_path
    assert len(paths[clear.call.url].parent.name) == 2
    await archive.close()


async def test_only_whole_answers_that_are_asked_to_be_kept_are_kept(tmp_path: Path) -> None:
    script = [wire(call("a"), b"not asked"), wire(ASKED, b"absent", status=404)]
    archive = Archive(ScriptedTransport(script), Shelf(tmp_path))
    await archive.send(call("a"))
    await archive.send(ASKED)
    assert archive.urls("made-up.feed") == []
    assert blobs(tmp_path) == []
    await archive.close()


async def test_the_two_latest_bodies_stay_and_others_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for minutes, body in enumerate([b"one", b"two", b"two", b"three", b"one", b"four"]):
        shelf.put(wire(ASKED, body, minutes=minutes))
    kept = shelf.find(ASKED.url, "made-up.feed")
    assert kept is not None
    assert shelf.body(kept) == b"four"
    assert sorted(gzip.decompress(path.read_bytes()) for path in blobs(tmp_path)) == [b"four", b"one"]
    shelf.close()


async def test_a_blob_another_address_names_is_not_removed(tmp_path: Path) -> None:
    shelf, other = Shelf(tmp_path, keep=1), replace(ASKED, url="https://example.org/other")
    shelf.put(wire(ASKED, b"same"))
    shelf.put(wire(other, b"same"))
    shelf.put(wire(ASKED, b"new"))
    kept = shelf.find(other.url, "made-up.feed")
    assert kept is not None
    assert shelf.body(kept) == b"same"
    shelf.close()


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "changed"])
async def test_a_damaged_body_is_told_never_read_and_mended_by_the_next_answer(
    tmp_path: Path, damage: str
) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(wire(ASKED, b"figures", tag='"7"'))
    (blob,) = blobs(tmp_path)
    if damage == "missing":
        blob.unlink()
    else:
        whole = blob.read_bytes()
        blob.write_bytes({"empty": b"", "cut": whole[:-9], "changed": gzip.compress(b"fakes")}[damage])
    unchanged = Reply(call=ASKED, status=304, headers={}, body=b"", wire=0, at=START)
    below = ScriptedTransport([unchanged, wire(ASKED, b"figures")])
    archive = Archive(below, shelf)
    with pytest.raises(Malformed, match=r"archive.*CIK0000320193\.json"):
        await archive.send(replace(ASKED, url=f"archive:{ASKED.url}"))
    answer = await archive.send(replace(ASKED, conditional=True))
    assert (answer.body, answer.attempts) == (b"figures", 2)
    assert [c.conditional for c in below.calls] == [True, False]
    assert gzip.decompress(blob.read_bytes()) == b"figures"
    await archive.close()


def test_blobs_that_a_dead_process_left_unfinished_are_swept_after_an_hour(tmp_path: Path) -> None:
    left, young = tmp_path / ".partial-left", tmp_path / ".partial-young"
    left.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(left, (0, 0))
    shelf = Shelf(tmp_path)
    shelf.put(wire(ASKED, b"figures"))
    assert (left.exists(), young.exists()) == (False, True)
    shelf.close()


def test_many_answers_are_entered_together_as_if_one_by_one(tmp_path: Path) -> None:
    urls = [replace(ASKED, url=f"https://example.org/{number % 7}") for number in range(40)]
    script = [wire(url, b"%d" % (number % 11), minutes=number) for number, url in enumerate(urls)]
    alone, together = Shelf(tmp_path / "alone"), Shelf(tmp_path / "together")
    for each in script:
        alone.put(each)
    together.put_all(each for each in script)
    assert together.urls("made-up.feed") == alone.urls("made-up.feed")
    assert len(alone.urls("made-up.feed")) == 7
    names = [[p.name for p in blobs(tmp_path / where)] for where in ("alone", "together")]
    assert names[0] == names[1]
    for kept in together.urls("made-up.feed"):
        assert together.body(kept) == alone.body(kept)
    alone.close()
    together.close()


def test_a_blob_that_is_kept_is_found_once_it_is_entered(tmp_path: Path) -> None:
    """The two halves may happen in two processes."""
    worker, shelf = Shelf(tmp_path), Shelf(tmp_path)
    sent = pickle.dumps([worker.keep(wire(ASKED, b"figures", tag='"7"'))])
    assert not (tmp_path / "index.db").exists()
    assert shelf.find(ASKED.url, "made-up.feed") is None
    shelf.enter(pickle.loads(sent))
    kept = shelf.find(ASKED.url, "made-up.feed")
    assert kept is not None
    assert (kept.units, kept.headers["etag"], shelf.body(kept)) == (UNITS, '"7"', b"figures")
    shelf.close()


def test_nothing_is_entered_where_a_blob_is_missing_or_an_answer_cannot_be_had(tmp_path: Path) -> None:
    shelf, other = Shelf(tmp_path), replace(ASKED, url="https://example.org/other")
    entries = [shelf.keep(wire(ASKED, b"here")), shelf.keep(wire(other, b"gone"))]
    shelf.path(entries[1].sha256).unlink()
    with pytest.raises(StoreError, match=r"has lost the body of https://example\.org/other; run again"):
        shelf.enter(entries)

    def answers() -> Iterator[WireReply]:
        yield wire(ASKED, b"here")
        raise Malformed("a member is damaged")

    with pytest.raises(Malformed):
        shelf.put_all(answers())
    assert shelf.urls("made-up.feed") == []
    shelf.close()


async def test_validators_need_the_body(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.validators(ASKED) == {}
    shelf.put(wire(ASKED, b"figures", tag='"7"'))
    assert shelf.validators(ASKED) == {"If-None-Match": '"7"'}
    blobs(tmp_path)[0].unlink()
    assert shelf.validators(ASKED) == {}
    shelf.close()


async def test_what_is_not_kept_is_named(tmp_path: Path) -> None:
    for shelf in (Shelf(tmp_path), None):
        archive = Archive(ScriptedTransport([]), shelf)
        with pytest.raises(
            Malformed, match=r"holds no answer of https://example\.org/gone for made-up\.feed"
        ):
            await archive.send(call(url="archive:https://example.org/gone"))
        await archive.close()


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    archive = Archive(ScriptedTransport([wire(ASKED, b"figures")]), Shelf(tmp_path / "file" / "archive"))
    with pytest.raises(
        StoreError, match=r"file/archive cannot be used .*; free some space or make it writable"
    ):
        await archive.send(ASKED)


async def test_an_index_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "index.db")
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(StoreError, match="written by a newer evertape"):
        Shelf(tmp_path).put(wire(ASKED, b"figures"))


WRITER = """
    import resource, signal, sys
    from pathlib import Path
    from evertape.errors import StoreError
    from evertape.net.archive import Shelf
    from tests.net.test_archive import ASKED, wire
    import random
    shelf = Shelf(Path(sys.argv[1]))
    shelf.put(wire(ASKED, b"small"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        shelf.put(wire(ASKED, random.Random(1).randbytes(300_000), minutes=1))
    except StoreError as error:
        print(error)
"""


def test_a_disk_that_fills_up_leaves_the_last_answer_and_no_half_blob(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write stops in the middle."""
    assert resource.RLIMIT_FSIZE
    assert signal.SIGXFSZ
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        check=True,
    )
    assert "cannot be used (File too large); free some space" in ran.stdout
    shelf = Shelf(tmp_path)
    kept = shelf.find(ASKED.url, "made-up.feed")
    assert kept is not None
    assert shelf.body(kept) == b"small"
    assert len(blobs(tmp_path)) == 1
    shelf.close()


TOGETHER = """
    import sys
    from pathlib import Path
    from evertape.net.archive import Shelf
    from tests.net.test_archive import call, wire
    shelf = Shelf(Path(sys.argv[1]))
    print("ready", flush=True)
    for batch in range(100_000):
        asked = [call(f"{batch}-{number}") for number in range(20)]
        shelf.put_all(wire(each, b"%d " % number * 20_000) for number, each in enumerate(asked))
"""


def test_a_writer_of_many_killed_at_any_moment_has_entered_all_of_a_batch_or_none(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    for moment in (0.05, 0.11, 0.17):
        folder = tmp_path / str(moment)
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(TOGETHER), str(folder)], stdout=subprocess.PIPE, cwd=root
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(moment)
            writer.kill()
        shelf = Shelf(folder)
        entered = shelf.urls("made-up.feed")
        assert len(entered) % 20 == 0
        for kept in entered:
            number = int(kept.url.rsplit("-", 1)[1])
            assert shelf.body(kept) == b"%d " % number * 20_000
        shelf.close()


KILLED = """
    import sys
    from pathlib import Path
    from evertape.net.archive import Shelf
    from tests.net.test_archive import ASKED, wire
    shelf = Shelf(Path(sys.argv[1]))
    print("ready", flush=True)
    for number in range(100_000):
        shelf.put(wire(ASKED, (b"%d " % number) * 20_000, minutes=number))
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_latest_answer(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    for moment in (0.05, 0.11, 0.17):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], stdout=subprocess.PIPE, cwd=root
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(moment)
            writer.kill()
        shelf = Shelf(tmp_path)
        kept = shelf.find(ASKED.url, "made-up.feed")
        assert kept is not None
        number = int(kept.fetched_at.timestamp() - START.timestamp()) // 60
        assert shelf.body(kept) == (b"%d " % number) * 20_000
        shelf.close()


def test_what_an_older_version_kept_under_the_digest_of_its_body_is_read(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(wire(ASKED, b"figures"))
    shelf.close()
    (blob,) = blobs(tmp_path)
    digest = hashlib.sha256(b"figures").hexdigest()
    assert digest not in str(blob)
    with closing(sqlite3.connect(tmp_path / "index.db")) as index, index:
        index.execute("UPDATE answers SET sha256 = ?", (digest,))
        index.execute("PRAGMA user_version = 1")
    older = shelf.path(digest)
    older.parent.mkdir(exist_ok=True)
    blob.rename(older)
    shelf = Shelf(tmp_path)
    kept = shelf.find(ASKED.url, "made-up.feed")
    assert kept is not None
    assert shelf.body(kept) == b"figures"
    older.write_bytes(gzip.compress(b"figure5"))
    with pytest.raises(Malformed, match="damaged"):
        shelf.body(kept)
    shelf.close()
    with closing(sqlite3.connect(tmp_path / "index.db")) as index:
        assert index.execute("PRAGMA user_version").fetchone() == (2,)
