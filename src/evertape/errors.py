"""What can go wrong, arranged by what will be done about it.

    EvertapeError
    ├── UserError            the person must type something else       exit 2
    │   ├── NotKnown         what was asked for by name is not held       exit 1
    │   ├── NotConfirmed     stale, nobody to ask and no --yes         exit 3
    │   └── HomeBusy         another job holds this home               exit 4
    ├── SourceError          an upstream did not give what was asked
    │   ├── Transient        try again
    │   │   └── Throttled    try again after `retry_after` seconds
    │   ├── Unavailable      the circuit is open: ask the next feed
    │   ├── Denied           stop this source: a credential or the identity is missing or refused
    │   └── Malformed        ask once more, keep both payloads, then ask the next feed
    └── StoreError           the database
        ├── Busy             somebody else writes: try again
        └── SchemaMismatch   written by another version: stop

"There is no data" is not an error. Foreign exceptions become one of these at one border each:
`net.http` for the wire, `stores` for the database.
"""

from __future__ import annotations


class EvertapeError(Exception):
    """Root of the tree. `exit_code` is what the command line ends with."""

    exit_code = 1


class UserError(EvertapeError):
    """One sentence that says what is wrong and what to type next."""

    exit_code = 2


class NotKnown(UserError):
    """What was asked for by its name and day is not held or not known; the message says what is."""

    exit_code = 1


class NotConfirmed(UserError):
    """Something is stale, nobody could be asked, and `--yes` was not given."""

    exit_code = 3


class HomeBusy(UserError):
    """Another living job holds this home."""

    exit_code = 4


class SourceError(EvertapeError):
    """An upstream did not give what was asked.

    Attributes:
        kind: stored with the failed item. requests: how many were really sent for it.
        fetched: bytes on the wire that came before it failed, where they are kept.
    """

    kind = "source"
    requests: int = 0
    fetched: int = 0


class Transient(SourceError):
    """A passing fault: a reset, a time-out, a 5xx, a body cut short."""

    kind = "transient"


class Throttled(Transient):
    """The source asks for patience.

    Args:
        retry_after: seconds until the next try makes sense, None where the source did not say.
    """

    kind = "throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(SourceError):
    """The source's circuit is open; nothing was sent."""

    kind = "unavailable"


class Denied(SourceError):
    """The source refuses this person: the message names the credential or identity to mend."""

    kind = "denied"
    exit_code = 2


class Malformed(SourceError):
    """An answer arrived whole and is not what the source promises."""

    kind = "malformed"


class OverBudget(SourceError):
    """Going on would cost more than what was confirmed."""

    kind = "over budget"


class StoreError(EvertapeError):
    """The database refused. The message names the file and what to do."""

    exit_code = 2
    kind = "store"


class Busy(StoreError):
    """Another process is writing; the same write will do later."""


class SchemaMismatch(StoreError):
    """The database was written by another version of evertape."""
