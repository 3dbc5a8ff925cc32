"""What a policy will do, in words: one sentence an alert, an objective, a guard, a route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from bongsu import registry
from bongsu.access.budget import Budget
from bongsu.access.pace import RateLimit
from bongsu.alert import Burn, Rule, Threshold
from bongsu.engine import latching
from bongsu.guard import STOPS, Guard
from bongsu.incident import show
from bongsu.notice import Manners
from bongsu.policy.model import Policy, Route
from bongsu.policy.phrases import PHRASES, TIERS, UNITS, Language
from bongsu.policy.routing import OTHER
from bongsu.ports import Action
from bongsu.quantity import NANO, show_duration, show_number, show_share
from bongsu.response import Playbook
from bongsu.slo import Objective, reachable_factor


def explain(policy: Policy, language: Language = "en") -> list[str]:
    """The policy in sentences, alerts first."""
    return list(_Words(policy, language).sentences())


def explain_rule(policy: Policy, rule: Rule, language: Language = "en") -> str:
    """One alert as a sentence."""
    return _Words(policy, language).alert(rule)


class _Words:
    """One policy in one language."""

    def __init__(self, policy: Policy, language: Language) -> None:
        self.policy, self.language, self.phrases = policy, language, PHRASES[language]

    def say(self, phrase: str, **words: str) -> str:
        return self.phrases[phrase].format(**words)

    def sentences(self) -> Iterator[str]:
        plan = self.policy.plan
        yield from map(self.alert, plan.rules)
        yield from map(self.objective, plan.objectives)
        yield from map(self.guard, self.policy.guards)
        yield from map(self.route, self.policy.routes.values())
        yield from self.borders()
        yield from map(self.budget, self.policy.budgets)
        yield from map(self.rate_limit, self.policy.rate_limits)
        yield from self.manners()
        yield from self.review()
        yield self.gate()
        for one in self.policy.extensions:
            yield self.say("extends", pack=one.pack, parts=", ".join(one.taken) or self.phrases["nothing"])

    # ---- alerts ----

    def alert(self, rule: Rule) -> str:
        books = [p for p in self.policy.plan.playbooks if p.alert == rule.name]
        actions = [self.say("notify", channel=self.channel(name)) for name in rule.to]
        actions += [words for p in books for step in p.steps for words in self.action(step)]
        clear = self.clear(rule) + self.undo([p for p in books if p.undo_after is not None], rule.to)
        if stay := [p.name for p in books if p.undo_after is None]:
            clear += self.say("never", names=", ".join(stay))
        return self.say("alert", name=rule.name, tier=TIERS[self.language][rule.tier], condition=self.condition(rule),
                        actions=self.listed(actions) or self.phrases["nothing"], clear=clear)

    def condition(self, rule: Rule) -> str:
        held = {"hold": self.duration(rule.hold)}
        when = rule.when
        if rule.nodata:
            return self.say("absent", alert=rule.name.partition("/")[0], **held)
        if isinstance(when, Burn):
            period, target = when.objective.window, when.objective.target
            pairs = self.phrases["or"].join(
                self.say("pair", factor=show_number(reachable_factor(p.factor(period), target), 2),
                         long=self.duration(p.long), short=self.duration(p.short)) for p in when.pairs)
            return self.say("burn stays" if rule.hold else "burn", name=when.objective.name, pairs=pairs, **held)
        by = self.say("by", labels=", ".join(rule.by)) if rule.by else ""
        return self.say("stays" if rule.hold else "is", signal=when.signal.name, by=by, over=self.window(when),
                        op=self.phrases[when.op], limit=self.surely(self.limit(rule.name, when), when), **held)

    def window(self, when: Threshold) -> str:
        over = self.duration(when.over)
        if when.volume:
            over = self.say("volume", over=over, n=str(when.volume))
        return self.say("delayed", over=over, delay=self.duration(when.delay)) if when.delay else over

    def clear(self, rule: Rule) -> str:
        held = {"hold": self.duration(rule.clear_hold)}
        if rule.nodata:
            return self.phrases["absent clears"]
        if isinstance(rule.when, Burn):
            return self.say("burn clears after" if rule.clear_hold else "burn clears", **held)
        return self.say("clears after" if rule.clear_hold else "clears", op=self.phrases[rule.when.leave_op],
                        limit=self.value(rule.when.exit, rule.when), **held)

    def undo(self, books: list[Playbook], to: tuple[str, ...]) -> str:
        """What happens when it is over; the slowest playbook decides when."""
        kinds = {step.kind for p in books for step in p.steps} | ({"notify"} if to else set())
        words = ["back"] * bool(kinds - {"notify"}) + ["told"] * ("notify" in kinds)
        done = self.listed([self.phrases[word] for word in words])
        after = max((p.undo_after or 0 for p in books), default=0)
        if not done:
            return ""
        return self.say("undo after", after=self.duration(after), done=done) if after else self.say("undo", done=done)

    def surely(self, limit: str, when: Threshold) -> str:
        return self.say("sure", limit=limit) if when.sure else limit

    def limit(self, alert: str, when: Threshold) -> str:
        """The threshold as it was written; a share of something in the order of the language."""
        written = self.policy.limits.get(alert) or self.value(when.enter, when)
        of = re.fullmatch(r"(\S+%|\S+ %)\s+of\s+(.+)", written)
        if of is None:
            return written
        return f"{of[1]} of {of[2]}" if self.language == "en" else f"{of[2]}의 {of[1]}"

    def value(self, value: Fraction, when: Threshold) -> str:
        micro = value * 1000
        if when.signal.unit == "ms" and micro.denominator == 1:
            return show_duration(int(micro))
        if when.signal.unit == self.policy.currency:
            return f"{show_number(value / NANO, 12)} {self.policy.currency}"
        return show(value, when.signal.unit)

    def action(self, step: Action) -> Iterator[str]:
        if step.kind == "route":
            for route, target in getattr(step, "to", {}).items():
                yield self.say("route", route=route, target=target)
        elif step.kind == "rollback":
            for route, target in getattr(step, "to", {}).items():
                back = "rollback previous" if target == "previous" else "rollback"
                yield self.say(back, route=route, target=target)
        elif step.kind == "notify":
            yield self.say("notify", channel=self.channel(getattr(step, "channel", "")))
        elif step.kind in ("block", "freeze"):
            yield self.say(step.kind, **vars(step))
        elif step.kind == "restrict":
            rung = self.phrases[f"rung {getattr(step, 'rung', '')}"]
            whom = self.phrases[f"whom {getattr(step, 'of', '')}"]
            yield self.say("restrict", whom=whom, rung=rung, lasting=self.duration(getattr(step, "lasting", 0)))
        else:
            yield step.words()

    def channel(self, name: str) -> str:
        """A channel with its kind, as in ``ops (slack)``."""
        part = self.policy.channels.get(name)
        kind = next((k for k in registry.kinds("channels") if part is not None and _is(part, k)), "")
        return f"{name} ({kind})" if kind and self.language == "en" else f"{name}({kind})" if kind else name

    # ---- the rest ----

    def objective(self, objective: Objective) -> str:
        if objective.weight == 1:
            return self.promise(objective)
        return self.promise(objective) + (self.say("weight", n=str(objective.weight)) if objective.weight
                                          else self.say("weightless"))

    def promise(self, objective: Objective) -> str:
        signal = next(s for s in self.policy.plan.signals if s.key == objective.signal)
        window = self.duration(objective.window)
        if objective.calendar is not None:
            window = self.phrases[objective.calendar.unit].format(zone=objective.calendar.zone)
        if objective.slices is not None:
            return self.say("slices", name=objective.name, target=show_share(objective.target, 6), signal=signal.name,
                            window=window, slice=self.duration(objective.slices.every),
                            op=self.phrases[objective.slices.op], limit=show(objective.slices.limit, signal.unit),
                            bad=show_number(objective.allowed * (objective.window // objective.slices.every), 2),
                            nodata=self.phrases[objective.slices.nodata])
        bad = objective.allowed * 10**6
        return self.say("objective", name=objective.name, target=show_share(objective.target, 6), signal=signal.name,
                        window=window,
                        bad=f"{int(bad):,}" if bad.denominator == 1 else show_number(bad))

    def review(self) -> Iterator[str]:
        """Said where something is ever looked at by people of itself."""
        terms = self.policy.review
        if not terms.sample and not any(guard.act == "review" for guard in self.policy.guards):
            return
        due = {name: self.duration(getattr(terms.due, name)) for name in ("severe", "major", "minor")}
        two = self.listed([TIERS[self.language][name] for name in terms.two_people])
        yield self.say("review", keep=self.duration(terms.keep), **due,
                       sample=self.say("review sample", share=show_share(terms.sample)) if terms.sample else "",
                       two=self.say("review two", names=two) if two else "")

    def guard(self, guard: Guard) -> str:
        if not guard.enabled:
            return self.say("off", name=guard.name)
        words = {"name": guard.name, "check": guard.check.name,
                 "on": self.listed([self.phrases[side] for side in guard.on]),
                 "routes": self.say("routes", routes=", ".join(guard.routes)) if guard.routes else ""}
        if guard.share < 1:
            words["routes"] += self.say("sample", share=show_share(guard.share))
        if guard.shadow:
            return self.say("shadow", **words)
        apart = "apart one" if guard.apart == 1 else "apart"
        words["apart"] = self.say(apart, n=str(guard.apart)) if guard.apart else ""
        return self.say("guard", act=self.phrases[f"{guard.act} act" if guard.act in STOPS else guard.act],
                        timeout=self.duration(guard.limit), fails=self.phrases[guard.fails], **words)

    def route(self, route: Route) -> str:
        roles = ((role, getattr(route, role)) for role in ("light", "conservative"))
        parts, whole = route.weights(), sum(route.weights().values())
        spread = self.listed([f"{name} {show_share(Fraction(weight, whole))}" for name, weight in parts.items()])
        tried = route.canary
        canary = "" if tried is None else self.say(
            "canary", of=tried.of, base=tried.base, signal=tried.signal, after=self.duration(tried.promote_after),
            steps=", ".join(map(show_share, tried.steps)))
        return self.say("path", name=route.name, primary=self.upstream(route.primary),
                        retried=self.say("retried", budget=show_share(route.retries.budget)) if route.retries else "",
                        fallback=self.say("fallback", names=", ".join(route.fallback)) if route.fallback else "",
                        roles="".join(self.say("role", role=role, name=name) for role, name in roles if name),
                        versions=self.say("versions", spread=spread) + canary if parts else "")

    def borders(self) -> Iterator[str]:
        """Where the data of each region's people may go."""
        for name, regions in sorted(self.policy.borders.allowed.items()):
            where = ", ".join(sorted(regions)) or self.phrases["nowhere"]
            yield self.say("border", name=self.phrases["elsewhere"] if name == OTHER else name, regions=where)
        trust = self.policy.trust
        if self.policy.borders.allowed:
            header = self.say("region header", header=trust.region_header) if trust.region_header else ""
            yield self.say(f"region by {trust.region}", header=header)

    def budget(self, one: Budget) -> str:
        """Who may spend how much, and what happens then."""
        calendar = one.calendar
        window = (self.phrases[calendar.unit].format(zone=calendar.zone) if calendar else
                  self.say("over", window=self.duration(one.window)))
        return self.say("budget", name=one.name, whose=self.whose(one), window=window, soft=show_share(one.soft),
                        limit=f"{show_number(Fraction(one.limit, NANO), 9)} {self.policy.currency}",
                        then=self.phrases["refuse" if one.then == "refuse" else "go light"])

    def rate_limit(self, one: RateLimit) -> str:
        """Who may call how often."""
        most = [self.say(f"{kind} a minute", n=f"{n:,}") for kind, n in (("requests", one.requests),
                                                                          ("tokens", one.tokens)) if n]
        return self.say("rate limit", name=one.name, whose=self.whose(one), most=self.listed(most))

    def whose(self, one: Budget | RateLimit) -> str:
        return self.phrases[f"per {one.per}"] + (f" ({', '.join(one.only)})" if one.only else "")

    def upstream(self, name: str) -> str:
        found = self.policy.upstreams[name]
        return f"{name} ({', '.join(filter(None, (found.model, found.region)))})"

    def manners(self) -> Iterator[str]:
        """How channels are told, where the policy says anything of it."""
        how = self.policy.plan.notices
        if replace(how, once=(), environment="") == Manners():
            return
        grouped = self.say("grouped", names=", ".join(how.group_by)) if how.group_by else self.phrases["each"]
        if how.group_wait or how.group_interval:
            grouped += self.say("waits", wait=self.duration(how.group_wait), interval=self.duration(how.group_interval))
        late = how.escalate
        yield self.say(
            "notify how", grouped=grouped,
            again=self.say("again", repeat=self.duration(how.repeat)) if how.repeat else "",
            inhibit="" if how.inhibit == "none" else self.phrases[f"inhibit {how.inhibit}"],
            escalate="" if late is None else self.say(
                "escalate", after=self.duration(late.after), channels=self.listed(list(map(self.channel, late.to))),
                tiers=", ".join(TIERS[self.language][tier] for tier in late.tiers)),
            muted=self.say("muted", names=", ".join(m.name for m in how.mutes)) if how.mutes else "",
            immutable=self.say("immutable", names=", ".join(how.immutable)) if how.immutable else "")

    def gate(self) -> str:
        """When deploys may go on, and who decides where they may not."""
        plan, who = self.policy.plan, self.policy.roles.get("approver", ())
        terms, stop = plan.gate, [r.name for r in plan.rules if r.name in latching(plan)]
        out = [o.name for o in plan.objectives if not o.gate]
        return self.say(
            "gate", notice=show_share(terms.notice), approval=show_share(terms.approval),
            who=self.say("approvers", names=", ".join(who)) if who else "",
            coverage=show_share(terms.min_coverage), stale=self.duration(terms.stale_after or plan.stale_after),
            postmortem=self.say("postmortem", share=show_share(terms.postmortem)),
            latch=self.say("latch", alerts=", ".join(stop)) if stop else "",
            out=self.say("left out", names=", ".join(out)) if out else "")

    def listed(self, words: list[str]) -> str:
        if self.language == "ko" or len(words) < 2:
            return ", ".join(words)
        return ", ".join(words[:-1]) + self.phrases["and"] + words[-1]

    def duration(self, value: int) -> str:
        """``90m`` as ``1 hour 30 minutes``, or ``1시간 30분``."""
        parts = re.findall(r"(\d+)([a-z]+)", show_duration(value))
        units = UNITS[self.language]
        return " ".join(f"{n}{units[unit][n != '1']}" for n, unit in parts)


def _is(part: object, kind: str) -> bool:
    try:
        return type(part) is registry.part("channels", kind)
    except (ImportError, AttributeError):  # a kind of a package that is not whole
        return False
