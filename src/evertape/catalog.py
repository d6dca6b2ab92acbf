"""Finds datasets, sources and feeds: one file each, dropped into its folder, nothing registered.

A home's own `plugins/datasets` and `plugins/sources` folders are searched after the package's.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from evertape import datasets as dataset_files
from evertape import sources as source_files
from evertape.errors import UserError
from evertape.model.dataset import Dataset
from evertape.model.feed import Feed, Source
from evertape.model.records import Record, table_of

ALL = "all"
"""The target of every dataset that a source is asked for."""
_Named = TypeVar("_Named", Dataset, Source, Feed)


class Found(Mapping[str, _Named]):
    """Things by name, looked for when they are asked for: importing all vendors takes a tenth of a second,
    which a verb that only reads need not pay.

    Args:
        one: the thing of a name where it can be had without looking at all others, else None.
        everything: all of them.
    """

    def __init__(
        self, one: Callable[[str], _Named | None], everything: Callable[[], Mapping[str, _Named]]
    ) -> None:
        self._one: Callable[[str], _Named | None] = one
        self._everything: Callable[[], Mapping[str, _Named]] = cache(everything)
        self._held: dict[str, _Named] = {}

    def __getitem__(self, name: str) -> _Named:
        if name not in self._held:
            told = self._one(name)
            self._held[name] = self._everything()[name] if told is None else told
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._everything())

    def __len__(self) -> int:
        return len(self._everything())


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All there is, by name; datasets in the order in which they need each other."""

    datasets: Mapping[str, Dataset]
    sources: Mapping[str, Source]
    feeds: Mapping[str, Feed]

    @property
    def records(self) -> tuple[type[Record], ...]:
        """Record types of all datasets."""
        return tuple(record for dataset in self.datasets.values() for record in dataset.records)

    @property
    def rebuildable(self) -> frozenset[str]:
        """Tables that are computed from others and may be dropped and computed anew."""
        derived = [d for d in self.datasets.values() if d.derived]
        return frozenset(table_of(record).name for d in derived for record in d.records)

    def feeds_of(self, dataset: str) -> tuple[Feed, ...]:
        """Feeds that answer for a dataset, the preferred one first."""
        return tuple(
            sorted((f for f in self.feeds.values() if f.dataset == dataset), key=lambda f: (f.rank, f.name))
        )

    @property
    def asked(self) -> Mapping[str, Source]:
        """The sources that somebody can choose among: those on the wire, and those of this machine to which
        others are an alternative."""
        partial = {feed.source for feed in self.feeds.values() if feed.partial}
        return {name: one for name, one in self.sources.items() if one.hosts or name in partial}

    def targets(self) -> Mapping[str, tuple[Dataset, ...]]:
        """What `refresh` can be told: every dataset that has a feed, every goal, and all of them together.

        What the check brings up to date by itself, and what is built only on request, is no part of `all`.
        """
        named: dict[str, tuple[Dataset, ...]] = {}
        for dataset in self.datasets.values():
            if (dataset.derived is None or dataset.on_request) and not dataset.measured:
                for name in (dataset.name, *dataset.goals):
                    named[name] = (*named.get(name, ()), dataset)
        named[ALL] = tuple(dataset for part in self.parts.values() for dataset in part)
        return named

    @property
    def parts(self) -> Mapping[str, tuple[Dataset, ...]]:
        """What `all` is made of, each part under its goal's or its own name: the goals first."""
        fetched = [d for d in self.datasets.values() if d.due and d.derived is None and not d.evidence]
        parts: dict[str, tuple[Dataset, ...]] = {}
        for dataset in sorted(fetched, key=lambda d: (not d.goals, d.goals)):
            name = next(iter(dataset.goals), dataset.name)
            parts[name] = (*parts.get(name, ()), dataset)
        return parts

    def parts_of(self, name: str) -> Mapping[str, tuple[Dataset, ...]]:
        """The datasets of each target of a text (`market options`), those of one before it aside.

        Raises:
            UserError: an unknown target, with those that exist; or what is fetched and what is built from
                held rows together.
        """
        targets = self.targets()
        parts: dict[str, tuple[Dataset, ...]] = {}
        for each in dict.fromkeys(name.split()) or {name: None}:
            if each not in targets:
                raise UserError(f"{each} cannot be refreshed; choose one of {', '.join(sorted(targets))}")
            for part, datasets in (self.parts if each == ALL else {each: targets[each]}).items():
                taken = [dataset for found in parts.values() for dataset in found]
                if others := tuple(dataset for dataset in datasets if dataset not in taken):
                    parts[part] = (*parts.get(part, ()), *others)
        kinds = {dataset.on_request: dataset.name for datasets in parts.values() for dataset in datasets}
        if len(kinds) > 1:
            raise UserError(
                f"{kinds[True]} is built from what is held, and {kinds[False]} is fetched; refresh first the "
                f"one, then: evertape refresh {kinds[True]}"
            )
        return parts


def find(plugins: Path | None = None, adapt: Callable[[Source], Source] = lambda source: source) -> Catalog:
    """Everything in the package and in `plugins`.

    Args:
        adapt: a source to the same under the limits that are set.

    Raises:
        UserError: a file cannot be imported, two have one name, or one needs what is not there. What is
            wrong with a source is raised when the sources are first looked at.
    """
    datasets = {d.name: d for d in _unique(_declared(dataset_files, plugins, "datasets", Dataset))}
    quick = plugins is None or not any((plugins / "sources").glob("*.py"))

    def every_source() -> Mapping[str, Source]:
        return {s.name: adapt(s) for s in _unique(_declared(source_files, plugins, "sources", Source))}

    def every_feed() -> Mapping[str, Feed]:
        feeds = {f.name: f for f in _unique(_declared(source_files, plugins, "sources", Feed))}
        for feed in feeds.values():
            if feed.dataset not in datasets or feed.source not in sources:
                raise UserError(
                    f"feed {feed.name} answers for dataset {feed.dataset!r} of source {feed.source!r}, "
                    "and not both are there; check the file's DATASET and SOURCE"
                )
        return feeds

    def one_source(name: str) -> Source | None:
        found = _of_its_file(name, Source) if quick else None
        return None if found is None else adapt(found)

    def one_feed(name: str) -> Feed | None:
        return _of_its_file(name, Feed) if quick else None

    sources = Found(one_source, every_source)
    return Catalog(datasets=_ordered(datasets), sources=sources, feeds=Found(one_feed, every_feed))


def _of_its_file(name: str, kind: type[_Named]) -> _Named | None:
    """The source or feed of a name, if it is in the package's file that its first part names."""
    module = f"{source_files.__name__}.{name.partition('.')[0]}"
    if not name.partition(".")[0].isidentifier() or importlib.util.find_spec(module) is None:
        return None
    declared = _named_in(importlib.import_module(module), kind)
    return next((thing for thing in declared if thing.name == name), None)


def _ordered(datasets: Mapping[str, Dataset]) -> Mapping[str, Dataset]:
    needs = {d.name: {*d.needs, *((d.derived.parent,) if d.derived else ())} for d in datasets.values()}
    for name, wanted in needs.items():
        for other in wanted - set(datasets):
            raise UserError(f"dataset {name} needs {other!r}, which is not there")
    try:
        return {name: datasets[name] for name in TopologicalSorter(needs).static_order()}
    except CycleError as error:
        raise UserError(f"datasets need each other in a circle: {' -> '.join(error.args[1])}") from None


def _unique(found: Iterator[_Named]) -> list[_Named]:
    named: dict[str, _Named] = {}
    for thing in found:
        if thing.name in named:
            raise UserError(f"there are two of the name {thing.name!r}; rename one")
        named[thing.name] = thing
    return list(named.values())


def _declared(package: ModuleType, plugins: Path | None, folder: str, kind: type[_Named]) -> Iterator[_Named]:
    for module in _modules(package, plugins / folder if plugins else None):
        yield from _named_in(module, kind)


def _named_in(module: ModuleType, kind: type[_Named]) -> Iterator[_Named]:
    for name in ("DATASET", "SOURCE", "FEEDS"):
        value = getattr(module, name, ())
        yield from (v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, kind))


def _modules(package: ModuleType, folder: Path | None) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.py")):
        yield _plugin(f"evertape_plugins_{folder.name}_{path.stem}", path)


def _plugin(name: str, path: Path) -> ModuleType:
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} cannot be imported; it must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"{path} cannot be imported: {error!r}; mend it or move it away") from error
    return module
