"""The shape of every outside part, all on one page.

A part is a frozen dataclass whose fields are its settings in the policy: the fields *are* the schema.
Parts import ``event``, ``cell``, ``aggregate``, the mathematics above this page, this page, ``support``, and their own
third-party library; never each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # who looks at texts in a process of its own needs none of them: they take half a second to load
    from bongsu.aggregate import Aggregate, Evidence, Proof
    from bongsu.cell import Vector
    from bongsu.drift import Reference
    from bongsu.event import Event
    from bongsu.quantity import Duration

# ---- signals ----

JUDGES: Mapping[str, bool] = {"judges": True}
"""Marks a setting of an SLI that says how its value is judged, not what is counted: cells outlive a change of it."""


@runtime_checkable
class Sli(Protocol):
    """How events become a vector of integers, and how a summed vector is read. Pure.

    ``proof`` says when its value must be more than chance gives. A kind whose parts changed has an ``edition``, a
    number, so that what was counted before is counted anew.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]

    @property
    def proof(self) -> Proof: ...

    def parts(self) -> Mapping[str, Aggregate]:
        """Part name -> what it counts. Histograms add their own bucket parts."""
        ...

    def value(self, vector: Vector) -> Fraction | None:
        """The exact value of a summed vector; None where it is undefined (no data), never 0 or NaN for it."""
        ...

    def evidence(self, vector: Vector, looks: int = 1) -> Evidence:
        """The value and how sure it is, corrected for so many ``looks`` at it (windows, groups) and for its parts."""
        ...


@runtime_checkable
class Compared(Sli, Protocol):
    """An SLI that is read against a reference. Until it has one it counts nothing."""

    @property
    def reference(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What it compares; nothing for all features."""
        ...

    def against(self, reference: Reference) -> Sli:
        """The same with the bins of the reference, by which it counts from then on."""
        ...


@runtime_checkable
class Timed(Sli, Protocol):
    """An SLI that is of so much time."""

    def during(self, span: int) -> Sli:
        """The same, of events that were counted over ``span`` microseconds."""
        ...


@runtime_checkable
class Seasonal(Sli, Protocol):
    """An SLI that is read beside its own past."""

    def shifts(self, over: Duration) -> Sequence[int]:
        """How far back (microseconds) the windows are that one of this length is read beside."""
        ...

    def beside(self, vector: Vector, past: Sequence[Vector]) -> Evidence:
        """The value of a window, given those."""
        ...


# ---- guards ----


@dataclass(frozen=True)
class Finding:
    """Something a check saw in a text: ``kind`` (``email``, ``injection``…), where, and how sure (0..1).

    ``instead`` is what a caller reads in its place, where that is no token.
    """

    kind: str
    start: int
    end: int
    score: float = 1.0
    instead: str = ""


class Check(Protocol):
    """What a guard looks for. ``hold`` is how many trailing characters of a stream may still become a match. One that
    soon knows that ``look`` finds nothing has ``clear``, too: ``hold`` where that is so, None where it must look. One
    that reads a stream by what is long gone, a table's head, has ``above``: what of the gone text it needs."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...

    def look(self, text: str) -> Sequence[Finding]: ...
    def hold(self, text: str) -> int: ...


@runtime_checkable
class Costly(Protocol):
    """A check that is slow, or runs what others made: it looks in a process of its own unless its guard says otherwise.
    A guard's time-out is for each ``usual`` characters. ``hold`` is asked where all others wait: it must be quick."""

    costly: ClassVar[Literal[True]]
    usual: ClassVar[int]


# ---- channels ----


@dataclass(frozen=True)
class Notice:
    """What a channel is told. ``key`` is the same for every notice of one alert; ``delivery`` is unique per notice.

    ``title`` and ``text`` are in ``language`` already; the names of ``facts`` are for machines, and a channel that
    shows them to people has words for them. ``labels`` are the values that the alert is about, for actions.
    """

    key: str
    delivery: str
    title: str
    text: str
    state: Literal["firing", "acknowledged", "resolved", "test"]
    tier: str
    service: str
    at: int
    url: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    language: Literal["en", "ko"] = "en"
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """Proof that the outside took it: its status and, where it gives one, its id."""

    status: int
    id: str = ""


class Retry(Exception):
    """Not now: try again (after ``after`` microseconds, if the outside said so).

    The effect did not happen, unless ``unclear``: then it may have, and what must not be repeated is left to a person.
    ``alone`` says that only this notice has to wait, not all that goes to the same place.
    """

    def __init__(self, why: str, after: int | None = None, *, unclear: bool = False, alone: bool = False) -> None:
        super().__init__(why)
        self.after, self.unclear, self.alone = after, unclear, alone


class Refused(Exception):
    """Not ever: trying again will not help; a person must look. ``status`` is HTTP's, where that was the reason."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What a server said to a request that it took (2xx). Header names are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Outside(Protocol):
    """What a channel may use of the world."""

    def now(self) -> int:
        """Microseconds since 1970 (UTC)."""
        ...

    def secret(self, text: str) -> Secret:
        """What a ``secret://`` reference stands for; any other text stands for itself."""
        ...

    async def post(self, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One HTTP post. Raises ``Retry`` or ``Refused`` where it was not taken, without a word of the URL."""
        ...

    async def ask(self, method: str, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The same with another method; without a body where it is empty."""
        ...

    async def remember(self, key: str, value: Any) -> None:
        """Keep a value (JSON) of this channel by name, durable when this returns; None forgets."""
        ...

    async def recall(self, key: str) -> Any:
        """What was remembered under a name, None where nothing was."""
        ...


class Channel(Protocol):
    """Who is told. Raises ``Retry`` or ``Refused``; a returned receipt means delivered.

    A channel that must not be told twice has ``on_unknown = "never"``: a person then finds out whether it was.
    """

    async def send(self, notice: Notice, outside: Outside) -> Receipt: ...


# ---- actions ----


@dataclass(frozen=True)
class Change:
    """A change of live policy: ``key`` names what (``route/support-bot``), ``value`` is JSON. Undone by removing it."""

    key: str
    value: Any


@dataclass(frozen=True)
class Done:
    """What an action did. ``changes`` take force in the transaction that records the outcome; ``detail`` is audited."""

    detail: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


class Send(Protocol):
    """The way to the policy's channels: name, notice -> receipt. Raises as ``Channel.send`` does."""

    async def __call__(self, channel: str, notice: Notice) -> Receipt: ...


class Action(Protocol):
    """What a response may do. ``on_unknown`` is for a step whose worker died mid-effect: do it again with the same key,
    or leave it to a person. ``traffic`` says that it changes what users get, so the kill switch holds it."""

    kind: ClassVar[str]
    traffic: ClassVar[bool]

    @property
    def on_unknown(self) -> Literal["retry", "never"]: ...

    async def do(self, notice: Notice, send: Send) -> Done:
        """Carry it out; ``notice`` describes the incident, its ``delivery`` is the step's idempotency key."""
        ...

    async def undo(self, notice: Notice, send: Send) -> Done:
        """Take it back. Live changes are withdrawn by the engine; this is for the outside."""
        ...

    def words(self) -> str:
        """What it does, as the end of a sentence: 'Slack #ops is told'."""
        ...


# ---- secrets ----


class Secret:
    """A value that never prints. ``reveal()`` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


class SecretError(Exception):
    """A secret that cannot be had: which reference, why, what to do; never what it holds."""


class SecretStore(Protocol):
    """Where keys live: ``path`` is the part of a ``secret://KIND/...`` reference after the kind."""

    def get(self, path: str) -> Secret:
        """The value now. Raises ``SecretError``."""
        ...


# ---- events ----


class Spool(Protocol):
    """Where a gateway leaves its facts."""

    def append(self, events: Iterable[Event]) -> None:
        """Return once a ``kill -9`` can no longer lose them."""
        ...
