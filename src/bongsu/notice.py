"""Who is told, and when: grouping, repeats, inhibition, mutes, escalation. Pure.

For each channel and group one record says what that channel was last told. At every tick ``plan`` compares it with what
is so now and gives what has to be told. Whoever was told that something fires is told that it is over, whatever is
muted, silenced, inhibited or gone from the policy by then. What is severe, and a channel that is not ``mutable``, is
never kept back.

Timing is Alertmanager's: a group is first told ``group_wait`` after it began, then looked at every ``group_interval``;
an unchanged one is told again at the first look after ``repeat``. A severe alert waits for none of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

from bongsu.alert import TIERS, Tier
from bongsu.cell import Labels
from bongsu.mute import Mute, Silence
from bongsu.quantity import Duration

Instance = tuple[str, Labels]
Place = tuple[str, str]
"""A channel and the dedup key of a group."""
Why = Literal["first", "new", "over", "partly", "repeat", "acknowledged"]
PAGES: tuple[Tier, ...] = ("severe", "major")


@dataclass(frozen=True)
class Escalate:
    """Who else is told if nobody acknowledged an alert of these tiers for so long after it was first told."""

    after: Duration
    to: tuple[str, ...]
    tiers: tuple[Tier, ...] = PAGES


@dataclass(frozen=True)
class Manners:
    """How a service's channels are told. By default at once, each alert by itself, once, and when it is over."""

    environment: str = ""
    group_by: tuple[str, ...] = ()
    group_wait: Duration = Duration(0)
    group_interval: Duration = Duration(0)
    repeat: Duration = Duration(0)
    mutes: tuple[Mute, ...] = ()
    inhibit: Literal["none", "objective", "service"] = "none"
    escalate: Escalate | None = None
    immutable: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    """Channels that are not told again where it is not known whether they were told."""


@dataclass(frozen=True)
class Alarm:
    """An alert that is so now. ``subject`` is what it is about: the same for every alert of one objective."""

    alert: str
    labels: Labels
    tier: Tier
    to: tuple[str, ...]
    incident: str
    since: int
    cause: str = ""
    by: tuple[str, ...] = ()
    subject: str = ""

    @property
    def instance(self) -> Instance:
        return self.alert, self.labels

    def facts(self, service: str) -> dict[str, str]:
        """What silences and groups may ask of it."""
        return {**dict(zip(self.by, self.labels, strict=False)), "alert": self.alert, "tier": self.tier,
                "service": service, "objective": self.subject}


@dataclass(frozen=True)
class Known:
    """What a channel was told of one alert, and when first."""

    alert: str
    labels: Labels
    tier: Tier
    incident: str
    cause: str
    told: int

    @property
    def instance(self) -> Instance:
        return self.alert, self.labels


@dataclass(frozen=True)
class Told:
    """What a channel was last told of a group, and what keeps it back. ``look_at``: None while there is no group."""

    channel: str
    key: str
    firing: tuple[Known, ...] = ()
    at: int = 0
    episode: int = 0
    sent: int = 0
    look_at: int | None = None
    acknowledged: bool = False
    alarms: tuple[Instance, ...] = ()
    muted_by: tuple[str, ...] = ()
    next_at: int | None = None

    @property
    def place(self) -> Place:
        return self.channel, self.key


@dataclass(frozen=True)
class Tell:
    """One notice. ``delivery`` is unique per channel for ever; ``key`` is the same for all notices of a group."""

    channel: str
    key: str
    delivery: str
    why: Why
    state: Literal["firing", "acknowledged", "resolved"]
    tier: Tier
    incident: str
    firing: tuple[Known, ...]
    resolved: tuple[Known, ...]
    at: int
    escalated: bool = False
    by: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What people asked for: silences, and incidents (with who) that are acknowledged."""

    silences: tuple[Silence, ...] = ()
    acks: Mapping[str, str] = field(default_factory=dict)


Book = Mapping[Place, Told]


def group_key(manners: Manners, service: str, alarm: Alarm) -> str:
    """``bongsu/<env>/<service>/<what>``, a digest where that is too long: no time and no severity, so that what comes
    later of the same thing updates what is there."""
    facts = alarm.facts(service)
    parts = [facts.get(name, "") for name in manners.group_by] or [alarm.alert, *alarm.labels]
    key = "/".join(("bongsu", *map(_quoted, (manners.environment, service, *parts))))
    return key if len(key) <= 255 else sha256(key.encode()).hexdigest()


def _quoted(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")


def plan(manners: Manners, service: str, alarms: Sequence[Alarm], book: Book, asked: Asked,
         now: int) -> tuple[Book, tuple[Tell, ...]]:
    """One tick: what every channel is told now, and what is remembered of it."""
    groups: dict[Place, list[Alarm]] = {}
    escalation = _escalation(manners, alarms, book)
    for alarm in alarms:
        due = escalation.get(alarm.instance)
        late = alarm.incident not in asked.acks and due is not None and due <= now
        more = manners.escalate.to if manners.escalate and late else ()
        for channel in dict.fromkeys((*alarm.to, *more)):
            groups.setdefault((channel, group_key(manners, service, alarm)), []).append(alarm)
    active = {alarm.instance: alarm.incident for alarm in alarms}
    tick = _Tick(manners, service, active, _pages(alarms), asked, now, escalation)
    after, tells = dict(book), list[Tell]()
    for place in sorted(groups.keys() | {place for place, told in book.items() if told.look_at is not None}):
        told, tell = tick.look(book.get(place, Told(*place)), groups.get(place, []))
        after[place] = told
        tells += [tell] if tell else []
    return {place: told for place, told in after.items() if told.episode or told.look_at is not None}, tuple(tells)


def _escalation(manners: Manners, alarms: Iterable[Alarm], book: Book) -> dict[Instance, int]:
    """When each alarm that somebody was told of goes on to the next ones."""
    if manners.escalate is None:
        return {}
    wanted = {alarm.instance for alarm in alarms if alarm.tier in manners.escalate.tiers}
    first: dict[Instance, int] = {}
    for known in (known for told in book.values() for known in told.firing if known.instance in wanted):
        first[known.instance] = min(known.told, first.get(known.instance, known.told))
    return {instance: told + manners.escalate.after for instance, told in first.items()}


def _pages(alarms: Iterable[Alarm]) -> dict[str, list[str]]:
    """Subject -> the names of the alerts about it that page; all of them under the empty text."""
    found: dict[str, dict[str, None]] = {}
    for alarm in alarms:
        if alarm.tier in PAGES:
            for about in ("", alarm.subject):
                found.setdefault(about, {})[f"alert {alarm.alert}"] = None
    return {about: list(names) for about, names in found.items()}


@dataclass(frozen=True)
class _Tick:
    """What all groups have in common at one moment: found once, since there may be ten thousand groups."""

    manners: Manners
    service: str
    active: Mapping[Instance, str]
    pages: Mapping[str, list[str]]
    asked: Asked
    now: int
    escalation: Mapping[Instance, int]

    def look(self, told: Told, group: Sequence[Alarm]) -> tuple[Told, Tell | None]:
        """One channel and group: is it time, is there news, and when is the next time?"""
        muters = {alarm.instance: self.muted_by(told.channel, alarm) for alarm in group}
        open_ = [alarm for alarm in group if not muters[alarm.instance]]
        known = {one.instance: one for one in told.firing}
        if told.look_at is None:
            told = replace(told, look_at=min(a.since for a in group) + self.manners.group_wait)
        urgent = any(self.untold(a, known.get(a.instance)) and a.tier == "severe" for a in open_)
        due = told.look_at is not None and told.look_at <= self.now
        tell: Tell | None = None
        if due or urgent or self.newly_acknowledged(told, open_):
            told, tell = self.tell(told, open_, due or urgent)
        if due:
            told = replace(told, look_at=self.next_look(told.look_at or 0))
        if not group and not told.firing:
            return replace(told, look_at=None, alarms=(), muted_by=(), next_at=None), tell
        names = tuple(dict.fromkeys(name for some in muters.values() for name in some))
        told = replace(told, alarms=tuple(a.instance for a in group), muted_by=names)
        return replace(told, next_at=self.next_at(told, group, open_)), tell

    @staticmethod
    def untold(alarm: Alarm, known: Known | None) -> bool:
        """Whether the channel does not know of it. An alert that came back between two looks is the same to it, except
        a severe one: each of its incidents is told."""
        return known is None or (alarm.tier == "severe" and known.incident != alarm.incident)

    def next_look(self, last: int) -> int:
        step = self.manners.group_interval
        return last + ((self.now - last) // step + 1) * step if step else self.now

    def tell(self, told: Told, open_: Sequence[Alarm], looks: bool) -> tuple[Told, Tell | None]:
        """The record after what has to be told, and the notice, if any."""
        ended = self.ended(told)
        why = self.why(told, open_, ended, looks)
        if why is None:
            return told, None
        known = {one.instance: one for one in told.firing}
        fresh = () if why == "acknowledged" else tuple(
            Known(a.alert, a.labels, a.tier, a.incident, a.cause, self.now if self.untold(a, known.get(a.instance))
                  else known[a.instance].told) for a in open_)
        kept = {one.instance: one for one in told.firing if one not in ended} | {one.instance: one for one in fresh}
        began = not told.firing
        after = replace(told, firing=tuple(kept.values()), at=self.now, episode=told.episode + began,
                        sent=1 if began else told.sent + 1,
                        acknowledged=why == "acknowledged" or (told.acknowledged and why in ("over", "partly")))
        firing = after.firing
        lead = min(firing or ended, key=lambda one: (TIERS[one.tier], one.told, one.instance))
        state: Literal["firing", "acknowledged", "resolved"] = (
            "resolved" if not firing else "acknowledged" if after.acknowledged else "firing")
        # whoever is among an alert's own is told of it at once: nobody was late then
        escalated = why in ("first", "new") and any(told.channel not in a.to for a in open_
                                                    if self.untold(a, known.get(a.instance)))
        return after, Tell(told.channel, told.key, f"{told.key}/{after.episode}/{after.sent}", why, state, lead.tier,
                           lead.incident, firing, ended, self.now, escalated, self.who(firing))

    def ended(self, told: Told) -> tuple[Known, ...]:
        """What the channel believes to be so, and is not so any more."""
        return tuple(one for one in told.firing if (self.active.get(one.instance, "") != one.incident
                                                    if one.tier == "severe" else one.instance not in self.active))

    def why(self, told: Told, open_: Sequence[Alarm], ended: Sequence[Known], looks: bool) -> Why | None:
        """First, new, all over, partly over, repeat: the first that holds."""
        known = {one.instance: one for one in told.firing}
        if not looks:
            return "acknowledged"
        if any(self.untold(alarm, known.get(alarm.instance)) for alarm in open_):
            return "new" if known else "first"
        if ended:
            return "over" if len(ended) == len(told.firing) else "partly"
        if self.newly_acknowledged(told, open_):
            return "acknowledged"
        repeat = self.manners.repeat
        if repeat and open_ and not self.all_acknowledged(open_) and self.now - told.at >= repeat:
            return "repeat"
        return None

    def all_acknowledged(self, open_: Iterable[Alarm]) -> bool:
        return all(alarm.incident in self.asked.acks for alarm in open_)

    def who(self, firing: Iterable[Known]) -> tuple[str, ...]:
        """Who acknowledged what fires."""
        return tuple(dict.fromkeys(self.asked.acks[k.incident] for k in firing if k.incident in self.asked.acks))

    def newly_acknowledged(self, told: Told, open_: Sequence[Alarm]) -> bool:
        """Somebody took charge of all that the channel was told of, and the channel does not know it yet."""
        known = {one.instance for one in told.firing}
        return bool(known and open_ and not told.acknowledged and self.all_acknowledged(open_)
                    and all(alarm.instance in known for alarm in open_) and not self.ended(told))

    # ---- what keeps a notice back ----

    def muted_by(self, channel: str, alarm: Alarm) -> tuple[str, ...]:
        """Names of all that keeps the channel from being told of the alarm now."""
        if alarm.tier == "severe" or channel in self.manners.immutable:
            return ()
        facts = alarm.facts(self.service)
        mutes = [f"mute {m.name}" for m in self.manners.mutes
                 if m.covers(channel, alarm.alert, alarm.tier) and m.when.holds(self.now)]
        silences = [f"silence {s.id}" for s in self.asked.silences if s.covers(facts, self.now)]
        return (*mutes, *silences, *self.inhibited_by(alarm))

    def inhibited_by(self, alarm: Alarm) -> Sequence[str]:
        """A page that fires keeps back the tickets about the same thing."""
        if self.manners.inhibit == "none" or alarm.tier in PAGES:
            return []
        if self.manners.inhibit == "service":
            return self.pages.get("", [])
        return self.pages.get(alarm.subject, []) if alarm.subject else []

    def next_at(self, told: Told, group: Sequence[Alarm], open_: Sequence[Alarm]) -> int | None:
        """When the channel is told next if nothing changes; None where it is not."""
        look, known = told.look_at or 0, {one.instance for one in told.firing}
        times = []
        if self.ended(told) or any(alarm.instance not in known for alarm in open_):
            times.append(max(look, self.now))
        elif self.manners.repeat and open_ and not self.all_acknowledged(open_):
            times.append(self.first_look(look, told.at + self.manners.repeat))
        times += [self.escalation[a.instance] for a in open_ if self.escalation.get(a.instance, 0) > self.now
                  and a.incident not in self.asked.acks]
        times += [self.first_look(look, end) for alarm in group if alarm not in open_ and alarm.instance not in known
                  for end in [self.unmuted(told.channel, alarm)] if end is not None]
        return min(times, default=None)

    def first_look(self, look: int, at: int) -> int:
        step = self.manners.group_interval
        return max(look, at) if not step else look + max(0, -((look - at) // step)) * step

    def unmuted(self, channel: str, alarm: Alarm) -> int | None:
        """When the last of what keeps the alarm back is over; None where nobody knows."""
        facts = alarm.facts(self.service)
        if self.inhibited_by(alarm):
            return None
        ends = [s.ends for s in self.asked.silences if s.covers(facts, self.now)]
        for mute in self.manners.mutes:
            if mute.covers(channel, alarm.alert, alarm.tier) and mute.when.holds(self.now):
                end = mute.when.ends(self.now)
                if end is None:
                    return None
                ends.append(end)
        return max(ends, default=None)
