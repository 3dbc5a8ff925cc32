"""The policy reader: what a policy means once it is read, and that it is read strictly and whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import resources
from pathlib import Path

import pytest

from bongsu import registry
from bongsu.alert import Burn, Rule, Threshold
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.language.sentences import say
from bongsu.policy import Fault, Policy, PolicyError, load, parse
from bongsu.ports import Notice, Receipt
from bongsu.quantity import DAY, SECOND, Duration

HERE = Path(__file__).parent
DEMO = Path(str(resources.files("bongsu") / "demo/bongsu.yaml"))
ENVIRON = {"BONGSU_DEMO_URL": "http://127.0.0.1:9001", "BONGSU_DEMO_WEBHOOK": "http://127.0.0.1:9002/hook"}
SMALL = (HERE / "good/small.yaml").read_text(encoding="utf-8")


def small(*changes: tuple[str, str], environ: Mapping[str, str] | None = None) -> Policy:
    """The small sound policy with some texts replaced."""
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, "small.yaml", environ or {})


def faults(*changes: tuple[str, str], environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        small(*changes, environ=environ)
    return [str(f) for f in caught.value.faults]


def rule(policy: Policy, name: str) -> Rule:
    return next(r for r in policy.plan.rules if r.name == name)


def threshold(policy: Policy, name: str) -> Threshold:
    when = rule(policy, name).when
    assert isinstance(when, Threshold)
    return when


def burn(policy: Policy, name: str) -> Burn:
    when = rule(policy, name).when
    assert isinstance(when, Burn)
    return when


# ---- the demo ----


def test_the_policy_of_the_demo_loads_without_a_fault() -> None:
    policy = load(DEMO, ENVIRON)
    assert [r.name for r in policy.plan.rules] == ["cost", "injection", "available", "slow"]
    assert list(policy.upstreams) == ["main", "light"]
    assert policy.upstreams["main"].url == "http://127.0.0.1:9001/v1"
    assert policy.upstreams["main"].key == "secret://env/BONGSU_DEMO_KEY"
    assert policy.plan.base == SECOND
    assert policy.retention.cells == 400 * DAY
    assert policy.service.raci["security"] == "security@example.com"
    assert policy.roles == {"admin": ("ops@example.com",)}


def test_channels_are_told_by_notices_and_playbooks_hold_what_was_declared() -> None:
    policy = load(DEMO, ENVIRON)
    books = {p.name: p for p in policy.plan.playbooks}
    assert list(books) == ["cost", "injection"]
    assert {r.name: r.to for r in policy.plan.rules}["injection"] == ("ops", "security")
    assert policy.plan.notices.environment == "demo"
    assert books["cost"].undo_after == 5 * SECOND
    assert [s.words() for s in books["injection"].steps] == ["guard strict is enforced", "deploys are frozen"]


# ---- values ----


def test_thresholds_are_exact_and_in_the_unit_of_their_signal() -> None:
    policy = load(DEMO, ENVIRON)
    cost = threshold(policy, "cost")
    assert (cost.op, cost.enter, cost.leave_op, cost.exit) == (">", Fraction(6000), "<", Fraction(5500))
    assert cost.signal.unit == "USD"
    slow = threshold(policy, "slow")
    assert (slow.signal.unit, slow.enter, slow.exit) == ("ms", Fraction(5000), Fraction(4000))
    assert threshold(policy, "injection").enter == 10


def test_a_share_of_a_ratio_is_a_share() -> None:
    policy = small(("when: latency > 5s, over: 30s, clear: < 4s", "when: failures >= 5%, over: 30s"))
    slow = threshold(policy, "slow")
    assert (slow.enter, slow.leave_op, slow.exit) == (Fraction(1, 20), "<", Fraction(1, 20))


@pytest.mark.parametrize(("when", "leave"), [(">", "<="), (">=", "<"), ("<", ">="), ("<=", ">")])
def test_without_a_clear_an_alert_clears_when_it_no_longer_holds(when: str, leave: str) -> None:
    found = threshold(small(("latency > 5s, over: 30s, clear: < 4s", f"calls {when} 7, over: 30s")), "slow")
    assert (found.leave_op, found.exit) == (leave, found.enter)


def test_a_clear_may_touch_the_threshold_but_not_overlap_it() -> None:
    slow = "latency > 5s, over: 30s, clear: < 4s"
    assert threshold(small((slow, "calls > 7, over: 30s, clear: <= 7")), "slow").exit == 7
    assert "must not overlap" in faults((slow, "calls >= 7, over: 30s, clear: <= 7"))[0]


def test_scalars_are_what_the_declaration_says_and_never_guessed() -> None:
    """YAML 1.2 spirit: ``on``, ``no`` and ``00:05`` are texts wherever a text is expected."""
    policy = small(("region: kr", "region: no"), ("light: small}", "light: small, prompt_version: 00:05}"))
    assert policy.service.region == "no"
    assert policy.routes["bot"].prompt_version == "00:05"


def test_tiers_may_be_written_as_priorities() -> None:
    assert rule(small(("tier: major, by", "tier: P0, by")), "cost").tier == "severe"


def test_one_value_stands_for_a_list_of_one() -> None:
    assert small(("on: [input, output]", "on: output")).guards[0].on == ("output",)


def test_a_guard_has_its_own_settings_and_those_of_its_check() -> None:
    settings = "act: tokenise, entities: [email], shadow: true, timeout: 5ms, fails: open"
    guard = small(("act: tokenise", settings)).guards[0]
    assert guard == Guard("pii", Pii(("email",)), ("input", "output"), "tokenise", timeout=Duration(5000), fails="open",
                          shadow=True, routes=("bot",))


def test_a_list_under_notify_is_one_step_each() -> None:
    policy = small(("{block: pii}]", "{notify: [ops, boss]}]"),
                   ("tests:", 'channels:\n  ops: {webhook: "https://a.example/1"}\n  boss: {slack: secret://env/BOSS}\ntests:'))
    assert [s.words() for s in policy.plan.playbooks[0].steps] == ["bot moves to light", "ops is told", "boss is told"]


@pytest.mark.parametrize(("words", "after"), [("clear", 0), ("clear for 90s", 90 * SECOND), ("never", None)])
def test_a_playbook_says_when_it_is_taken_back(words: str, after: int | None) -> None:
    assert small(("clear for 5s", words)).plan.playbooks[0].undo_after == after


# ---- the environment and secrets ----


def test_variables_stand_in_texts_and_a_doubled_sign_is_itself() -> None:
    policy = small(("model: small}", 'model: "${MODEL}-$${MODEL}"}'), environ={"MODEL": "tiny"})
    assert policy.upstreams["small"].model == "tiny-${MODEL}"


def test_variables_stand_in_texts_only() -> None:
    """A duration or an expression is what the reviewed file says."""
    assert "expected a duration" in faults(("over: 30s", 'over: "${OVER}"'), environ={"OVER": "30s"})[0]


def test_what_a_variable_holds_is_never_shown() -> None:
    told = faults(('small: {url: "https://models.example.com/v1"', 'small: {url: "${URL}"'), environ={"URL": "hunter2"})
    assert told == ["small.yaml:7:16: expected a URL such as https://example.com/v1, came '${URL}'"]


# ---- signals and objectives ----


def test_the_key_of_a_signal_changes_with_what_it_counts_and_with_nothing_else() -> None:
    def key(*changes: tuple[str, str]) -> str:
        return small(*changes).plan.signals[1].key

    first = key()
    assert first.startswith("failures@")
    assert len(first) == len("failures@") + 8
    others = [(("outcome = 'error'", "outcome = 'timeout'"),), (('error\'"}', 'error\'", labels: [model]}'),),
              (('error\'"}', 'error\'", origin: redteam}'),), (("base_window: 1s", "base_window: 10s"),)]
    assert len({first, *(key(*change) for change in others)}) == 5
    assert key(("region: kr", "region: us"), ("q: 95%", "q: 99%")) == first


def test_a_burn_alert_has_the_windows_of_its_tier() -> None:
    pages, tickets = small(), small(("{burn: available, tier: major}", "{burn: available, tier: minor}"))
    assert [p.long // SECOND for p in burn(pages, "available").pairs] == [3600, 21600]
    assert [p.long // SECOND for p in burn(tickets, "available").pairs] == [86400, 259200]


@pytest.mark.req("G7")
def test_a_factor_that_can_never_be_reached_is_pointed_out_with_what_is_used_instead() -> None:
    """At 90 % even an outage burns 10x only."""
    policy = small(("target: 99%", "target: 90%"))
    assert [str(n) for n in policy.notices] == [
        "small.yaml:22:21: note: available: at a target of 90% the budget burns at most 10x, so 14.4x over 1h could "
        "never fire; 9x is used instead"]
    assert small().notices == ()


def test_a_budget_that_one_call_is_too_dear_for_is_pointed_out_in_both_languages() -> None:
    """What a call may come to is reserved before it: with too little, a newcomer's first call would be refused."""
    def noted(limit: str, most: int = 1000) -> list[str]:
        policy = small(("output: 10 USD/1M}}", f"output: 10 USD/1M}}, max_output: {most}}}"),
                       ("guards:", f"budgets:\n  people: {{limit: {limit}, window: 1d, per: user}}\nguards:"))
        return [note.text for note in policy.notices]

    (said,) = noted("0.0099 USD")
    assert said == ("budget people: a call to main that does not say max_tokens may cost 0.01 USD for its reply alone "
                    "(1000 tokens), so it is always refused; raise the limit, or lower max_output of upstream main")
    assert say(said, "ko") == ("예산 people: max_tokens를 적지 않은 main 호출은 답변만으로 0.01 USD까지 들 수 있어"
                               "(1000토큰) 항상 거부됩니다. 한도를 올리거나 업스트림 main의 max_output을 낮추세요.")
    assert noted("0.01 USD") == [said], "its prompt costs something, too"
    assert noted("0.0101 USD") == noted("0.01 USD", most=900) == []


def test_burn_windows_shorter_than_a_base_window_are_rounded_up_to_whole_ones() -> None:
    """A window of half a base window would always be empty, and its alert silent."""
    pairs = burn(small(("window: 30d", "window: 1h")), "available").pairs
    assert [(p.long // SECOND, p.short // SECOND) for p in pairs] == [(5, 1), (30, 3)]
    assert all(p.long % SECOND == 0 == p.short % SECOND for p in pairs)


# ---- faults ----


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    told = faults(("region: kr", "regoin: kr"), ("fallback: [small]", "fallback: [smal]"),
                  ("target: 99%", "target: 99"), ("over: 10s", "over: 10"), ("on: alert cost", "on: alert costs"),
                  ("do: [{route", "do: [{rout"),
                  ("clear for 5s", "clear for 5"), ("alert: cost, state: ok", "alert: costs, state: ok"))
    places = [line.split(": ")[0] for line in told]
    assert places == sorted(places, key=lambda p: [int(n) for n in p.split(":")[1:]])
    assert len(told) == 8
    assert len({p.split(":")[1] for p in places}) == 6


def test_a_fault_inside_an_expression_is_placed_at_its_character() -> None:
    [fault] = faults(("input_tokens + output_tokens", "input_tokens + outputtokens"))
    column = SMALL.splitlines()[12].index("output_tokens") + 1
    assert fault.startswith(f"small.yaml:13:{column}: expected a column of the event, came 'outputtokens'")


def test_a_fault_names_its_place_what_was_expected_what_came_and_what_was_meant() -> None:
    fault = Fault("a.yaml", 3, 7, "a cat", "a dog", "did you mean 'a lion'?")
    assert str(fault) == "a.yaml:3:7: expected a cat, came a dog; did you mean 'a lion'?"
    assert str(replace(fault, hint="")) == "a.yaml:3:7: expected a cat, came a dog"


def test_a_policy_that_is_not_there_is_a_fault_too(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="expected a policy file, came 'No such file or directory'"):
        load(tmp_path / "none.yaml", {})


def test_an_alias_that_contains_itself_does_not_hang() -> None:
    with pytest.raises(PolicyError, match="the anchor '&a'"):
        parse("service: &a [*a]", "x.yaml", {})


def test_nesting_without_end_is_a_fault() -> None:
    with pytest.raises(PolicyError, match="levels of nesting"):
        parse("[" * 5000, "x.yaml", {})


def test_what_refers_to_a_section_that_cannot_be_read_is_not_judged() -> None:
    """One mistake, one error: nobody is told that ten signals are missing."""
    start, end = SMALL.index("signals:"), SMALL.index("objectives:")
    with pytest.raises(PolicyError) as caught:
        parse(SMALL[:start] + "signals: none\n" + SMALL[end:], "x.yaml", {})
    assert [(f.expected, f.came) for f in caught.value.faults] == [("a mapping", "'none'")]


@pytest.mark.parametrize("old", ["5s, over", "q: 95%", "over: 30s", "cost: 1000", "clear for 5s", "2.50 USD/1M"])
def test_a_number_of_absurd_size_is_a_fault_and_no_crash(old: str) -> None:
    assert len(faults((old, re.sub(r"\d+", "9" * 5000, old, count=1)))) == 1


def test_whatever_is_cut_out_of_a_policy_it_loads_or_is_faulted() -> None:
    """A reader that crashes on a half-written file is of no use in an editor."""
    tokens = re.findall(r"\w+|\s+|[^\w\s]", SMALL)
    outcomes = set()
    for i in range(0, len(tokens), 2):
        try:
            parse("".join(tokens[:i] + tokens[i + 1 :]), "x.yaml", {})
            outcomes.add("loads")
        except PolicyError as error:
            outcomes.add("is faulted" if error.faults else "says nothing")
    assert outcomes == {"loads", "is faulted"}


@dataclass(frozen=True)
class Silent:
    """A channel that needs nothing but its kind."""

    async def send(self, notice: Notice, outside: object) -> Receipt:
        return Receipt(200)


def test_a_part_of_another_package_may_have_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = registry.kinds
    monkeypatch.setattr(registry, "kinds", lambda family: {**kinds(family), "silent": f"{__name__}:Silent"})
    monkeypatch.setattr(registry, "part", lambda family, kind: Silent)
    text = "bongsu: 1\nservice: {name: bot}\nchannels:\n  none: {silent: }\n"
    assert parse(text, "x.yaml", {}).channels == {"none": Silent()}


# ---- identity ----


def test_the_hash_names_the_very_text(tmp_path: Path) -> None:
    """One byte more, a comment even, is another policy in every record."""
    path = tmp_path / "p.yaml"
    path.write_text(SMALL, encoding="utf-8")
    first = load(path, {}).hash
    path.write_text(SMALL + "# reviewed\n", encoding="utf-8")
    assert len(first) == 64
    assert load(path, {}).hash != first
    path.write_text(SMALL, encoding="utf-8")
    assert load(path, {}).hash == first
