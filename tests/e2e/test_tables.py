"""What verbs print can be read in eighty columns and searched in a pipe: no word is broken or left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.e2e.bazaar import LIMITS
from tests.e2e.world import World

ANSI = re.compile(r"\x1b\[[0-9;]*m")
NAME = "THE " + "VERY LONG NAMED " * 6 + "HOLDING COMPANY OF NEW JERSEY INC."
ERROR = (
    "the source sent " + "a body that nobody can read " * 4 + "at https://data.sec.gov/x/CIK0000000001.json"
)
VERBS = (
    "status", "status facts", "status {0}", "statements {0}", "statements {0} --period ttm",
    "ratios {0}", "ratios {0} --period quarter", "restatements {0}", "explain {0} revenue {1}",
    "prices {0}", "prices {0} --raw", "options {0}", "verify", "universe", "universe {0}",
    "jobs list", "jobs show {2}", "providers", "doctor",
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, serve_for_all: Callable[..., str]) -> World:
    """A market with all that there is, long names and long errors. Only for reading."""
    from tests.e2e.conftest import MARKET_DAY

    url = serve_for_all(market=6, today=MARKET_DAY, contracts=12)
    home = tmp_path_factory.mktemp("filled") / "home"
    world = World(home=home, url=url, now=MARKET_DAY.isoformat(), extra={"EVERTAPE_LIMITS": LIMITS})
    done = world.run("refresh", "all", "--scope", "all", "--yes")
    assert done.returncode == 0, done.stderr
    world.write("UPDATE stocks SET name = ?", NAME)
    world.write(
        "UPDATE sync_items SET state = 'failed', error_kind = 'bad', error = ? WHERE position = 1", ERROR
    )
    world.write("UPDATE balance_sheets SET total_assets = total_assets * 3")
    assert world.run("verify").returncode == 1
    return world


def said(world: World, verb: str, **environment: str) -> list[str]:
    """Lines of a verb's answer, without colours and ages."""
    symbol, cik = world.sql(
        "SELECT symbol, cik FROM listings WHERE listing_id IN (SELECT listing_id FROM option_quotes) "
        "AND cik IN (SELECT cik FROM balance_sheets) ORDER BY rank"
    )[0]
    ((day,),) = world.sql(
        "SELECT MAX(report_date) FROM income_statements WHERE cik = ? AND revenue IS NOT NULL", cik
    )
    ((job,),) = world.sql("SELECT MIN(id) FROM sync_jobs")
    asked = replace(world, extra={**world.extra, **environment})
    done = asked.run(*verb.format(symbol, day, job).split())
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout, done.stderr
    return ANSI.sub("", re.sub(r"\d+ s ago", "now", done.stdout)).splitlines()


@pytest.mark.parametrize("verb", VERBS)
def test_no_word_of_a_verb_is_broken_or_left_out_whatever_the_width(filled: World, verb: str) -> None:
    piped = said(filled, verb, COLUMNS="80")
    terminal = said(filled, verb, COLUMNS="80", FORCE_COLOR="1", TERM="xterm")
    assert said(filled, verb, COLUMNS="400", FORCE_COLOR="1", TERM="xterm")
    assert set(" ".join(piped).split()) == set(" ".join(terminal).split())
    if verb == "providers":
        return
    assert piped == said(filled, verb, COLUMNS="200")
    assert [line for line in terminal if len(line) > 80 and " " in line.strip()] == []


def test_a_row_is_one_line_of_a_pipe(filled: World) -> None:
    listed = said(filled, "universe", COLUMNS="80")
    assert sum(NAME in line for line in listed) == len(listed) - 1 > 5
    job = said(filled, "jobs show {2}", COLUMNS="80")
    assert any(ERROR in line for line in job)
