"""What is read of a folder or zip of companyfacts, and what is refused, with which words."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import pickle
import tracemalloc
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.made_companies import FIRST_CIK, make_folder, make_zip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertape.errors import Malformed, UserError
from evertape.net.bulk import Bulk, Member, gzip_wrapped, open_bulk
from tests.net.zips import BODIES, FIRST, SECOND, THIRD, altered, data_of, headers, written, zipped

BY_CIK = {11: BODIES[FIRST], 12: BODIES[SECOND], 13: BODIES[THIRD]}


def bodies(bulk: Bulk) -> dict[int, bytes | str]:
    """Each member's body, or what is said instead of it."""
    found: dict[int, bytes | str] = {}
    for member in bulk.members():
        try:
            found[member.cik] = bulk.read(member).body
        except Malformed as error:
            found[member.cik] = str(error)
    return found


def opened(tmp_path: Path, data: bytes) -> dict[int, bytes | str]:
    """The bodies of a zip."""
    with open_bulk(written(tmp_path / "facts.zip", data)) as bulk:
        return bodies(bulk)


def refusals(tmp_path: Path, data: bytes) -> dict[str, str]:
    """Reasons by name of what a zip's listing leaves out."""
    with open_bulk(written(tmp_path / "facts.zip", data)) as bulk:
        return {entry.name: entry.reason for entry in bulk.rejected}


# What is good


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=st.lists(st.tuples(st.binary(max_size=5000), st.integers(0, 9), st.booleans()), min_size=1))
def test_a_zip_reads_as_the_standard_library_reads_it(
    tmp_path: Path, given_: list[tuple[bytes, int, bool]]
) -> None:
    path = tmp_path / "facts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for cik, (body, level, deflated) in enumerate(given_, 1):
            how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
            archive.writestr(f"CIK{cik:010d}.json", body, how, level)
    with open_bulk(path) as bulk, zipfile.ZipFile(path) as archive:
        assert [member.name for member in bulk.members()] == archive.namelist()
        for member, info in zip(bulk.members(), archive.infolist(), strict=True):
            read = bulk.read(member)
            assert read.body == archive.read(info)
            assert (member.size, member.packed) == (info.file_size, info.compress_size)
            assert len(read.wire) == member.packed
            assert gzip.decompress(gzip_wrapped(member, read.wire)) == read.body


def test_members_in_a_subfolder_are_read_and_what_is_no_companyfacts_is_counted(tmp_path: Path) -> None:
    data = zipped({"facts/": b"", f"facts/{FIRST}": b"{}", "README": b"x", f"__MACOSX/._{FIRST}": b"x"})
    with open_bulk(written(tmp_path / "facts.zip", data)) as bulk:
        assert bodies(bulk) == {11: b"{}"}
        assert bulk.rejected == ()
        assert bulk.ignored == 3


@pytest.mark.parametrize("how", ["local", "directory", "both"])
def test_zip64_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The standard library's limits are lowered, so that it writes the wide fields for small members."""
    if how != "local":
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 5)
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = tmp_path / "facts.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in BODIES.items():
            with archive.open(name, "w", force_zip64=how != "directory" or len(body) > 5) as member:
                member.write(body)
    if how != "local":
        assert b"PK\6\6" in path.read_bytes()
    with open_bulk(path) as bulk:
        assert bodies(bulk) == BY_CIK


class Pipe(io.RawIOBase):
    """Bytes that can only be appended."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += data  # type: ignore[arg-type]
        return len(data)  # type: ignore[arg-type]


def test_a_zip_whose_sizes_follow_the_data_is_read(tmp_path: Path) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in BODIES.items():
            archive.writestr(name, body)
    assert pipe.data[6] & 8
    assert opened(tmp_path, bytes(pipe.data)) == BY_CIK


def test_a_header_with_a_long_extra_field_is_read(tmp_path: Path) -> None:
    path = tmp_path / "facts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        told = zipfile.ZipInfo(FIRST)
        told.extra = b"\x99\x99\x00\x10" + bytes(4096)
        archive.writestr(told, BODIES[FIRST])
    with open_bulk(path) as bulk:
        assert bodies(bulk) == {11: BODIES[FIRST]}


def test_a_comment_that_contains_an_end_record_does_not_mislead(tmp_path: Path) -> None:
    made = io.BytesIO(zipped())
    with zipfile.ZipFile(made, "a") as archive:
        archive.comment = b"PK\5\6" + b"\0" * 40
    assert opened(tmp_path, made.getvalue()) == BY_CIK


def test_a_folder_is_read_plain_and_gzipped(tmp_path: Path) -> None:
    (tmp_path / FIRST).write_bytes(BODIES[FIRST])
    (tmp_path / f"{SECOND}.gz").write_bytes(gzip.compress(BODIES[SECOND], mtime=0))
    (tmp_path / "README").write_text("x")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / THIRD).write_bytes(b"not looked at")
    os.utime(tmp_path / FIRST, (1_750_000_000, 1_750_000_000))
    with open_bulk(tmp_path) as bulk:
        first, second = bulk.members()
        assert (first.size, first.packed, first.modified) == (
            len(BODIES[FIRST]),
            len(BODIES[FIRST]),
            datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC),
        )
        assert (second.cik, second.size) == (12, None)
        assert bodies(bulk) == {11: BODIES[FIRST], 12: BODIES[SECOND]}
        assert bulk.ignored == 2
        for member in bulk.members():
            read = bulk.read(member)
            assert gzip.decompress(gzip_wrapped(member, read.wire)) == read.body
        assert gzip_wrapped(second, bulk.read(second).wire) == gzip.compress(BODIES[SECOND], mtime=0)


def test_a_mark_changes_with_the_content_alone(tmp_path: Path) -> None:
    def marks(data: bytes) -> list[str]:
        with open_bulk(written(tmp_path / "facts.zip", data)) as bulk:
            return [member.mark for member in bulk.members()]

    before = marks(zipped())
    assert marks(zipped({"README": b"moves the others"} | BODIES, stored=(FIRST,))) == before
    changed = marks(zipped(BODIES | {SECOND: BODIES[SECOND].replace(b"12", b"21")}))
    assert [was == now for was, now in zip(before, changed, strict=True)] == [True, False, True]


def test_a_zip_tells_a_time_only_where_it_is_utc(tmp_path: Path) -> None:
    path = tmp_path / "facts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        told = zipfile.ZipInfo(FIRST)
        told.extra = b"UT\x05\x00\x01" + (1_750_000_000).to_bytes(4, "little")
        archive.writestr(told, b"{}")
        archive.writestr(SECOND, b"{}")
    with open_bulk(path) as bulk:
        times = [member.modified for member in bulk.members()]
    assert times == [datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC), None]


# In other threads and processes


def test_many_threads_read_one_zip_at_once(tmp_path: Path) -> None:
    many = {f"CIK{cik:010d}.json": b"%d " % cik * 5000 for cik in range(1, 60)}
    with open_bulk(written(tmp_path / "facts.zip", zipped(many))) as bulk, ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            read = list(pool.map(lambda member: bulk.read(member).body, bulk.members()))
            assert read == list(many.values())


def _read(job: tuple[Bulk, Member]) -> bytes:
    bulk, member = job
    return bulk.read(member).body


def test_another_process_reads_with_a_copy(tmp_path: Path) -> None:
    with (
        open_bulk(written(tmp_path / "facts.zip", zipped())) as bulk,
        multiprocessing.get_context("spawn").Pool(1) as pool,
    ):
        read = pool.map(_read, [(bulk, member) for member in bulk.members()])
    assert read == list(BODIES.values())


def test_reading_a_member_needs_no_directory(tmp_path: Path) -> None:
    path = written(tmp_path / "facts.zip", zipped())
    with open_bulk(path) as bulk:
        members = bulk.members()
    path.write_bytes(path.read_bytes()[: headers(zipped(), FIRST)[0]])
    with Bulk(path) as copy:
        assert [copy.read(member).body for member in members] == list(BODIES.values())


def test_a_zip_that_was_replaced_is_not_read_with_the_old_listing(tmp_path: Path) -> None:
    path = written(tmp_path / "facts.zip", zipped())
    with open_bulk(path) as bulk:
        sent = pickle.dumps((bulk, bulk.members()))
    written(tmp_path / "new.zip", zipped()).replace(path)
    copy, members = pickle.loads(sent)
    with pytest.raises(Malformed, match=r"facts\.zip has been replaced since it was listed; run again"):
        copy.read(members[0])


# What cannot be opened


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("gone", "there is no .*gone; give a folder of"),
        ("file/below", "there is no .*file/below; give a folder of"),
        ("x" * 300, "cannot be read .File name too long.; make it readable, then run again"),
        ("file", "file is neither a folder nor a zip file; give a folder of"),
        ("empty", "empty is neither a folder nor a zip file; give a folder of"),
        ("pipe", "pipe is neither a folder nor a zip file; give a folder of"),
        ("folder", "folder holds no companyfacts; give a folder of"),
        ("no.zip", r"no\.zip holds no companyfacts; give a folder of"),
        ("other.zip", r"holds no companyfacts \(x\.json is not read: its name is not CIK and ten digits\);"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path, path: str, says: str) -> None:
    written(tmp_path / "file", b"<html>not found</html>")
    written(tmp_path / "empty", b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    written(tmp_path / "no.zip", zipped({}))
    written(tmp_path / "other.zip", zipped({"x.json": b"{}"}))
    with pytest.raises(UserError, match=says) as raised:
        open_bulk(tmp_path / path)
    assert "\n" not in str(raised.value)


def test_a_half_download_is_refused_wherever_it_stops(tmp_path: Path) -> None:
    data = zipped()
    for length in range(2, len(data)):
        with pytest.raises(
            UserError, match=r"facts\.zip is cut off or damaged: it has .*; download it again"
        ):
            open_bulk(written(tmp_path / "facts.zip", data[:length]))


@pytest.mark.parametrize(
    "data",
    [
        zipped()[100:],
        b"MZ" + zipped(),
        zipped().replace(b"PK\1\2", b"PK\1\3", 1),
        zipped() + b"\0",
        zipped()[:-22] + b"\0\0" + zipped()[-22:],
        zipped()[:-14] + b"\xff\xff" + zipped()[-12:],
        zipped()[:-18] + b"\1\0" + zipped()[-16:],
    ],
    ids=["no start", "before", "line", "after", "gap", "count", "disk"],
)
def test_a_directory_that_is_not_in_its_place_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UserError, match=r"facts\.zip is (cut off or damaged|neither a folder nor a zip)"):
        open_bulk(written(tmp_path / "facts.zip", data))


# What is never read


@pytest.mark.parametrize(
    "name",
    [f"../{FIRST}", f"a/../../{FIRST}", f"/etc/{FIRST}", f"C:/{FIRST}", f"a\\..\\{FIRST}", "../notes.txt"],
)
def test_a_path_outside_of_the_archive_is_rejected(tmp_path: Path, name: str) -> None:
    assert refusals(tmp_path, zipped({name: b"{}", SECOND: b"{}"})) == {
        name: "its path leads out of the archive"
    }


@pytest.mark.parametrize(
    "name", ["CIK11.json", "CIK0000000000.json", "cik0000000011.json", "CIK0000000011 (1).json", ".x.json"]
)
def test_a_name_that_is_no_cik_is_rejected(tmp_path: Path, name: str) -> None:
    assert refusals(tmp_path, zipped({name: b"{}", SECOND: b"{}"})) == {
        name: "its name is not CIK and ten digits"
    }
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(b"{}")
    (tmp_path / "folder" / SECOND).write_bytes(b"{}")
    with open_bulk(tmp_path / "folder") as bulk:
        assert [entry.name for entry in bulk.rejected] == [name]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"flags": 1}, "it is encrypted"),
        ({"method": 12}, "it is compressed by method 12, neither stored nor deflated"),
        ({"packed": 1 << 30}, "its bytes lie outside of the archive's data"),
        ({"size": 0xFFFFFFFF}, "its entry in the directory is damaged"),
    ],
)
def test_a_member_that_cannot_be_read_is_rejected_and_the_others_are_read(
    tmp_path: Path, fields: dict[str, int], reason: str
) -> None:
    data = altered(zipped(), SECOND, local=True, **fields)
    assert refusals(tmp_path, data) == {SECOND: reason}
    assert opened(tmp_path, data) == {11: BODIES[FIRST], 13: BODIES[THIRD]}


def test_links_and_gzip_files_in_a_zip_are_rejected(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo(FIRST)
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(f"{SECOND}.gz", gzip.compress(b"{}"))
        archive.writestr(THIRD, b"{}")
    assert refusals(tmp_path, made.getvalue()) == {
        FIRST: "it is a symbolic link",
        f"{SECOND}.gz": "it is a gzip file inside a zip file",
    }


def test_of_two_files_of_one_company_the_last_is_read(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(FIRST, b"old")
        archive.writestr(SECOND, b"{}")
        archive.writestr(f"a/{FIRST}", b"new")
    assert refusals(tmp_path, made.getvalue()) == {FIRST: f"a/{FIRST}, a later file of the company, is read"}
    assert opened(tmp_path, made.getvalue()) == {11: b"new", 12: b"{}"}


def test_of_two_files_of_one_company_in_a_folder_the_one_written_last_is_read(tmp_path: Path) -> None:
    (tmp_path / FIRST).write_bytes(b"one")
    (tmp_path / f"{FIRST}.gz").write_bytes(gzip.compress(b"two"))
    for times, expected in (((2, 1), b"one"), ((1, 2), b"two")):
        os.utime(tmp_path / FIRST, (times[0], times[0]))
        os.utime(tmp_path / f"{FIRST}.gz", (times[1], times[1]))
        with open_bulk(tmp_path) as bulk:
            assert bodies(bulk) == {11: expected}
            assert len(bulk.rejected) == 1


def test_members_that_share_bytes_are_rejected(tmp_path: Path) -> None:
    """As in a zip bomb, whose every member runs through all that follow."""
    data = zipped()
    grown = data_of(data, SECOND).stop - data_of(data, FIRST).start
    assert refusals(tmp_path, altered(data, FIRST, packed=grown)) == {
        FIRST: f"its bytes reach into those of {SECOND}"
    }


def test_links_of_a_folder_are_followed_only_inside(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside.json"
    (folder / "kept").mkdir(parents=True)
    outside.write_bytes(b"secret")
    (folder / "kept" / FIRST).write_bytes(b"{}")
    (folder / FIRST).symlink_to(folder / "kept" / FIRST)
    (folder / SECOND).symlink_to(outside)
    (folder / THIRD).symlink_to(tmp_path / "gone")
    os.mkfifo(folder / "CIK0000000014.json")
    with open_bulk(folder) as bulk:
        assert bodies(bulk) == {11: b"{}"}
        assert {entry.name: entry.reason for entry in bulk.rejected} == {
            SECOND: "it is a link that leads out of the folder",
            THIRD: "it cannot be read (No such file or directory)",
            "CIK0000000014.json": "it is not a regular file",
        }


# What turns out bad when it is read


def cut_in_the_middle(data: bytes) -> bytes:
    """The second member's data end early, its sizes agree."""
    where = data_of(data, SECOND)
    raw = zlib.compressobj(wbits=-15)
    short = (raw.compress(BODIES[SECOND]) + raw.flush())[:-4].ljust(where.stop - where.start, b"\0")
    return data[: where.start] + short + data[where.stop :]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda d: altered(d, SECOND, crc=7), "fails its checksum"),
        (lambda d: altered(d, SECOND, crc=7, local=False), "has a header that contradicts the archive's dir"),
        (lambda d: altered(d, SECOND, size=20), "decodes to more than the 20 bytes that are declared for it"),
        (lambda d: altered(d, SECOND, size=2000), "decodes to 261 bytes where 2,000 are declared for it"),
        (lambda d: altered(d, SECOND, packed=20), "is cut off"),
        (lambda d: altered(d, SECOND, method=0), "has .* bytes where 261 are declared for it"),
        (cut_in_the_middle, "is cut off|decodes to|does not decompress"),
        (lambda d: d[: headers(d, SECOND)[1]] + b"XX" + d[headers(d, SECOND)[1] + 2 :], "is not where the"),
        (lambda d: d.replace(SECOND.encode(), b"CIK0000000099.json", 1), "has a header that contradicts"),
    ],
)
def test_a_bad_member_is_named_and_the_others_are_read(tmp_path: Path, damage: object, says: str) -> None:
    assert callable(damage)
    read = opened(tmp_path, damage(zipped()))
    said = read.pop(12)
    assert read == {11: BODIES[FIRST], 13: BODIES[THIRD]}
    with pytest.raises(
        Malformed, match=rf"^{SECOND} in .*facts\.zip ({says}).*; download that archive again"
    ):
        raise Malformed(said)


def test_a_huge_member_is_refused_unread_also_when_it_lies_about_its_size(tmp_path: Path) -> None:
    """200 MB of zeros: at most what is declared is ever made of it."""
    zeros = zipped({FIRST: bytes(200_000_000), SECOND: b"{}"})
    for data, says in (
        (zeros, "decodes to 200,000,000 bytes, more than the 100,000,000 that are read"),
        (altered(zeros, FIRST, size=1000), "decodes to more than the 1,000 bytes that are declared for it"),
    ):
        tracemalloc.start()
        read = opened(tmp_path, data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert says in str(read[11])
        assert read[12] == b"{}"
        assert peak < 4_000_000


def test_a_huge_gzip_file_is_refused_after_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / f"{FIRST}.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    (tmp_path / SECOND).write_bytes(bytes(200_000))
    tracemalloc.start()
    with open_bulk(tmp_path, most=100_000) as bulk:
        said = bodies(bulk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "decodes to more than 100,000 bytes, the most that is read" in str(said[11])
    assert "decodes to 200,000 bytes, more than the 100,000 that are read" in str(said[12])
    assert peak < 4_000_000


WHOLE = gzip.compress(BODIES[SECOND], mtime=0)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is cut off"),
        (b"{}", "is no sound gzip file|is cut off"),
        (b'{"cik":12,"facts":{}}', "is no sound gzip file"),
        (WHOLE[:-1], "is cut off"),
        (WHOLE[:30], "is cut off"),
        (WHOLE[:-8] + b"\0" * 8, "is no sound gzip file"),
        (WHOLE + b"garbage", "is no sound gzip file|is cut off"),
        (gzip.compress(b"") * 100, "consists of more than 64 gzip streams"),
    ],
)
def test_a_damaged_gzip_file_is_named(tmp_path: Path, raw: bytes, says: str) -> None:
    (tmp_path / f"{SECOND}.gz").write_bytes(raw)
    with open_bulk(tmp_path) as bulk, pytest.raises(Malformed, match=rf"{SECOND}\.gz in .* ({says})"):
        bulk.read(bulk.members()[0])


def test_gzip_streams_in_a_row_and_zeros_after_them_are_read(tmp_path: Path) -> None:
    (tmp_path / f"{SECOND}.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 9)
    with open_bulk(tmp_path) as bulk:
        assert bodies(bulk) == {12: b"one two"}


def test_a_file_that_changed_or_went_after_the_listing_is_not_read(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "secret"
    folder.mkdir()
    outside.write_bytes(b"{}")
    for name in BODIES:
        (folder / name).write_bytes(b"{}")
    with open_bulk(folder) as bulk:
        bulk.members()
        (folder / FIRST).write_bytes(b"{ }")
        (folder / SECOND).unlink()
        (folder / THIRD).unlink()
        (folder / THIRD).symlink_to(outside)
        said = bodies(bulk)
    assert f"{FIRST} in {folder} has been changed since it was listed; download that file" in str(said[11])
    assert "cannot be read (No such file or directory)" in str(said[12])
    assert "is a link that leads out of the folder" in str(said[13])


# Any byte

GOOD = zipped({f"facts/{FIRST}": BODIES[FIRST], SECOND: BODIES[SECOND], THIRD: BODIES[THIRD]})


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_one_wrong_byte_of_a_zip_never_gives_a_wrong_body(tmp_path: Path, at: int, flip: int) -> None:
    data = GOOD[:at] + bytes([GOOD[at] ^ flip]) + GOOD[at + 1 :]
    try:
        with open_bulk(written(tmp_path / "facts.zip", data)) as bulk:
            read, told = bodies(bulk), len(bulk.rejected)
    except UserError:
        return
    right = {cik: body for cik, body in read.items() if isinstance(body, bytes)}
    assert right.items() <= BY_CIK.items()
    # Nor does a member vanish without a word.
    assert len(read) + told == len(BY_CIK)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_one_wrong_byte_of_a_gzip_file_never_gives_a_wrong_body(tmp_path: Path, at: int, flip: int) -> None:
    (tmp_path / f"{SECOND}.gz").write_bytes(WHOLE[:at] + bytes([WHOLE[at] ^ flip]) + WHOLE[at + 1 :])
    with open_bulk(tmp_path) as bulk:
        (body,) = bodies(bulk).values()
    assert isinstance(body, str) or body == BODIES[SECOND]


# Made companies


@pytest.mark.shared
def test_made_companies_are_the_recorded_ones_under_other_names(tmp_path: Path, shared: Path) -> None:
    source = shared / "upstream" / "2026-07-10"
    path, packed, plain = tmp_path / "facts.zip", tmp_path / "packed", tmp_path / "plain"
    total = make_zip(path, 25, source)
    assert make_folder(packed, 25, source) == make_folder(plain, 25, source, packed=False) == total
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    with open_bulk(path) as zipped_, open_bulk(packed) as gzipped, open_bulk(plain) as files:
        read = bodies(zipped_)
        assert read == bodies(gzipped) == bodies(files)
        assert sum(len(body) for body in read.values()) == total
    assert list(read) == list(range(FIRST_CIK, FIRST_CIK + 25))
    recorded = json.loads(
        gzip.decompress(next(source.rglob("companyfacts/CIK0000001800.json.gz")).read_bytes())
    )
    first = json.loads(read[FIRST_CIK])
    assert (first["cik"], first["entityName"]) == (FIRST_CIK, "MADE Abbott Laboratories")
    assert first["facts"] == recorded["facts"]
