"""Everything that is traded in a generated market on one day, and who knows of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date
from functools import cached_property

from evertape.sandbox.contracts import Chain, chain_of
from evertape.sandbox.exchange import number_of
from evertape.sandbox.profile import Profile
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import draw

_HELD_CONTRACTS = 300_000
_SEPARATORS = {"yahoo": "-", "schwab": "/"}
"""Between a symbol and its class; a dot where nothing is said."""


class World:
    """The listings of a market as of `today`, which may be moved on; `contracts` is a chain's size.

    `share_known` tells what share of all symbols a vendor knows. Safe for one thread.
    """

    def __init__(
        self,
        profiles: Iterable[Profile],
        seed: int,
        today: date,
        contracts: int,
        share_known: Callable[[str], float],
    ) -> None:
        self._profiles = tuple(profiles)
        self._seed = seed
        self.today = today
        self.contracts = contracts
        self._share_known = share_known
        self._traded: dict[tuple[str, date, float], list[Listing]] = {}
        self._chains: OrderedDict[tuple[str, date, int], Chain] = OrderedDict()

    @property
    def number(self) -> int:
        """The number of the last session up to today."""
        return number_of(self.today)

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """All symbols of the market, delisted and future ones among them."""
        return {
            symbol: Listing(
                symbol=symbol,
                name=p.name,
                cik=p.cik,
                exchange=p.exchange,
                index=p.index,
                place=place,
                seed=self._seed,
            )
            for p in self._profiles
            for place, symbol in enumerate(p.symbols)
        }

    def traded(self, vendor: str) -> list[Listing]:
        """What the vendor knows today, ordered by symbol."""
        key = (vendor, self.today, self._share_known(vendor))
        if key not in self._traded:
            known = [symbol for symbol in sorted(self.listings) if self._knows(vendor, symbol)]
            self._traded = {key: [self.listings[symbol] for symbol in known]}
        return self._traded[key]

    def find(self, vendor: str, symbol: str) -> Listing | None:
        """The listing that a vendor means by a symbol, or None where it knows none."""
        separator = _SEPARATORS.get(vendor, ".")
        if "-" in symbol and separator != "-":
            return None
        own = symbol.replace(separator, "-")
        return self.listings[own] if own in self.listings and self._knows(vendor, own) else None

    def by_index(self, vendor: str, index: int, place: int) -> Listing | None:
        """The listing of a company's `place`th symbol, or None where the vendor knows none."""
        profile = self._profiles[index] if index < len(self._profiles) else None
        if profile is None or place >= len(profile.symbols):
            return None
        symbol = profile.symbols[place]
        return self.listings[symbol] if self._knows(vendor, symbol) else None

    def name(self, vendor: str, listing: Listing) -> str:
        """A listing's symbol in a vendor's style."""
        return listing.symbol.replace("-", _SEPARATORS.get(vendor, "."))

    def chain(self, listing: Listing) -> Chain | None:
        """Its option chain today, or None where it has no options."""
        if not listing.optionable:
            return None
        key = (listing.symbol, self.today, self.contracts)
        if key not in self._chains:
            self._chains[key] = chain_of(listing, self.today, self.contracts)
            while len(self._chains) * self.contracts > _HELD_CONTRACTS and len(self._chains) > 1:
                self._chains.popitem(last=False)
        return self._chains[key]

    def _knows(self, vendor: str, symbol: str) -> bool:
        listing = self.listings[symbol]
        if listing.delisted or listing.first > self.number:
            return False
        share = self._share_known(vendor)
        return share >= 1 or draw(self._seed, "knows", vendor, symbol) < share
