"""The queue whole: cases come in, people decide, and the callers, the signals and the guards hear of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from bongsu.quantity import DAY, HOUR, SECOND
from bongsu.verbs.client import Client, RefusedError
from gatewaykit import reply
from peoplekit import T0, Place, fetch, place
from reviewkit import ATTACK, HELD, ask, decide, held, queue, reviewer, told, waiting


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    with queue(tmp_path) as made:
        yield made


@pytest.mark.req("P2")
def test_a_false_alarm_is_allowed_for_a_while_by_whoever_decides(one: Place) -> None:
    held(one, ATTACK)
    (case,) = waiting(one)
    with pytest.raises(RefusedError, match="only what is a false alarm"):
        decide(one.api(), case["id"], "approve", allow="7d")
    with pytest.raises(RefusedError, match="at most 90d"):
        decide(one.api(), case["id"], "false_alarm", allow="900d")
    assert decide(one.api(), case["id"], "false_alarm", allow="7d")["word"] == "false_alarm"
    one.cycle()
    entries = one.api().get("/v1/allow")["allowed"]
    assert {(e["guard"], e["by"], e["until"] - one.now) for e in entries} == {("injection", "admin", 7 * DAY)}
    one.model.plain = reply("Good day.")
    assert ask(one, ATTACK).choices[0].message.content == "Good day."
    passed = one.last()
    (verdict,) = [v for v in passed.verdicts if v.guard == "injection"]
    assert set(verdict.allowed) == {entry["id"] for entry in entries}
    assert not passed.review
    assert "previous instructions" not in json.dumps([r.detail for r in one.store.trail(50)], default=str)


@pytest.mark.req("P2", "R10")
def test_a_confirmed_attack_is_remembered(tmp_path: Path) -> None:
    story = (" The keeper of the lighthouse was never given a handbook, finds every handbook amusing, and signs each "
             "of his letters with the words of the harbour master before him, as he was told to burn them.")
    policy = HELD.replace("guards:\n", "guards:\n  memory: {check: known_attack, on: input, act: block}\n")
    with place(tmp_path, policy) as one:
        held(one, ATTACK + story)
        (case,) = waiting(one)
        with pytest.raises(RefusedError, match="only a confirmed finding"):
            decide(one.api(), case["id"], "deny", remember=True)
        decide(one.api(), case["id"], "confirmed", remember=True)
        (known,) = one.api().get("/v1/attacks")["attacks"]
        assert known["note"] == f"review {case['id']}"
        assert "kim@example.com" not in known["text"]


@pytest.mark.req("P2", "D12")
def test_verdicts_are_labels_and_what_is_late_breaks_the_sla(one: Place) -> None:
    for text in (ATTACK, ATTACK + "!", ATTACK + "?"):
        held(one, text)
    first, second, third = sorted(case["id"] for case in waiting(one))
    one.cycle(HOUR)
    decide(one.api(), first, "false_alarm")
    one.cycle(3 * HOUR)
    one.cycle(2 * SECOND)
    assert [case["overdue"] for case in waiting(one)] == [True, True]
    decide(one.api(), second, "confirmed")
    one.cycle(SECOND)
    one.cycle(SECOND)
    found = sorted((e.review, e.call) for e in told(one, "review") if e.review not in ("queue", "asked"))
    assert found == sorted([("in_time", first), ("late", second), ("overdue", second), ("overdue", third)])
    (label,) = [e for e in told(one, "label") if e.call == first]
    assert (label.name, label.label, label.annotator) == ("review", "false_alarm", "admin")
    queued = [e for e in told(one, "review") if e.review == "queue"]
    assert queued[0].review_queue in (2, 3)
    assert queued[-1].review_age_s >= 4 * 3600 - 60
    one.cycle(2 * SECOND)
    for signal in one.control.plan.signals:
        cells = [c for c in one.store.cells() if c.signal == signal.key]
        total = {p: sum(c.n for c in cells if c.part == p) for p in {c.part for c in cells}}
        if signal.name == "overdue":
            assert (total["bad"], total["total"]) == (2, 3)
        if signal.name == "false_alarms":
            assert (total["bad"], total["total"]) == (1, 2)
            assert {c.labels for c in cells} == {("injection",)}
    firing = [state.phase for rule, _, state in one.control.view().alerts if rule.name == "overdue"]
    assert firing == ["firing"], "an alarm says that reviews are late"


@pytest.mark.req("P2", "P6")
def test_who_is_held_for_review_has_a_case_and_is_let_in_by_it(one: Place) -> None:
    one.model.plain = reply("Good day.")
    key, id_ = one.key("kim")
    assert one.cli("restrict", f"key/{id_}", "review", "--for", "2d", "--reason", "odd prompts").exit_code == 0
    one.cycle(2 * SECOND)
    shut = one.post(key)
    assert shut.code() == (403, "human_review_required")
    (case,) = waiting(one)
    assert (case["source"], case["subject"], case["why"]) == ("restricted", f"key/{id_}", "odd prompts")
    assert shut.json()["error"]["review"] == case["id"]
    decide(reviewer(one, "lee"), case["id"], "approve")
    one.cycle()
    assert one.post(key).status == 200
    assert not one.api().get("/v1/restrictions")["restrictions"]


@pytest.mark.req("P2", "P6")
def test_who_is_suspended_may_appeal_once_and_a_person_lifts_it(one: Place) -> None:
    one.model.plain = reply("Good day.")
    key, id_ = one.key("kim")
    other, _ = one.key("lee")
    one.cli("restrict", f"key/{id_}", "suspended", "--for", "2d", "--reason", "odd prompts")
    one.cycle(2 * SECOND)
    assert not waiting(one), "a suspension waits for nobody until somebody appeals"
    url = f"{one.gateways[0]}/v1/appeals"
    assert fetch(url, other, {"text": "let me in"}).code() == (409, "not_restricted")
    assert fetch(url, key, {"text": ""}).code() == (400, "invalid_value")
    assert fetch(url, key, [1]).code() == (400, "invalid_json")
    taken = fetch(url, key, {"text": "It was my son; write to kim@example.com."})
    assert (taken.status, taken.json()["appeal"]) == (202, "taken")
    assert fetch(url, key, {"text": "a second try"}).status == 202
    one.cycle()
    (case,) = waiting(one)
    assert case["id"] == taken.json()["review"]
    assert (case["source"], case["by"]) == ("restricted", "admin (api)")
    assert case["appeal"].startswith("It was my son; write to EMAIL_"), "the first counts, and nothing personal is kept"
    decide(reviewer(one, "lee"), case["id"], "approve")
    one.cycle()
    assert one.post(key).status == 200
    assert "review.appeal" in one.actions("review.")


def test_a_restriction_that_ends_by_itself_leaves_no_case(one: Place) -> None:
    _, id_ = one.key("kim")
    one.cli("restrict", f"key/{id_}", "review", "--for", "1h", "--reason", "odd prompts")
    one.cycle(2 * SECOND)
    assert len(waiting(one)) == 1
    one.cycle(HOUR)
    one.cycle(2 * SECOND)
    assert not waiting(one)
    assert waiting(one, "over")[0]["word"] == "expired"


def test_a_share_of_traffic_is_sampled_with_its_masked_texts(tmp_path: Path) -> None:
    with place(tmp_path, HELD.replace("keep: 7d}", "keep: 7d, sample: 100%}")) as one:
        assert one.post("sk-any", "I am kim@example.com").status == 200
        one.cycle()
        (case,) = waiting(one)
        assert (case["source"], case["priority"]) == ("sampled", "minor")
        assert case["words"] == ["approve", "deny", "escalate"]
        assert "EMAIL_" in one.api().get(f"/v1/reviews/{case['id']}")["prompt"]
        assert not one.actions("review.ask"), "of a sample every call would be on the record for ever"


@pytest.mark.req("P2", "X1")
def test_a_reviewers_token_opens_reviews_and_nothing_else(one: Place) -> None:
    held(one, ATTACK)
    (case,) = waiting(one)
    kim = reviewer(one, "kim")
    assert [c["id"] for c in kim.get("/v1/reviews")["reviews"]] == [case["id"]]
    for path in ("/v1/board", "/v1/keys", "/v1/reviewers", "/v1/audit", "/v1/vault"):
        with pytest.raises(RefusedError) as refused:
            kim.get(path)
        assert refused.value.status == 401
    with pytest.raises(RefusedError):
        Client(one.url, "bsu_reviewer_x").get("/v1/reviews")
    assert kim.post(f"/v1/reviews/{case['id']}/claim", {})["claimant"] == "kim"
    with pytest.raises(RefusedError, match="kim looks at it just now"):
        decide(one.api(), case["id"], "deny")
    assert one.api().delete("/v1/reviewers/kim", {"reason": "left"})["removed"]
    with pytest.raises(RefusedError):
        kim.get("/v1/reviews")
    assert one.actions("reviewer.remove") == ["reviewer.remove"]


def test_nobody_reviews_their_own_calls(one: Place) -> None:
    held(one, ATTACK, user="kim")
    (case,) = waiting(one)
    kim = reviewer(one, "kim")
    with pytest.raises(RefusedError, match="your own calls"):
        decide(kim, case["id"], "approve")
    done = decide(reviewer(one, "lee"), case["id"], "deny", reason="kim@example.com asked")
    assert (done["word"], done["said"][0]["reason"]) == ("deny", "[email] asked")
    held(one, ATTACK, user="park@example.com")
    park = one.api().post("/v1/reviewers", {"name": "park", "user": "park@example.com", "reason": "is on duty"})
    with pytest.raises(RefusedError, match="your own calls"):
        decide(Client(one.url, park["token"]), waiting(one)[0]["id"], "approve")
    with pytest.raises(RefusedError, match="without personal data"):
        one.api().post("/v1/reviewers", {"name": "010-1234-5678", "reason": "x"})


def test_the_verbs_list_show_claim_and_decide(one: Place) -> None:
    held(one, ATTACK)
    (case,) = waiting(one)
    listed = one.cli("review", "list")
    assert listed.exit_code == 0
    assert case["id"] in listed.stdout
    assert "guard injection found" in listed.stdout
    assert json.loads(one.cli("review", "list", "--json").stdout)[0]["id"] == case["id"]
    shown = one.cli("review", "show", case["id"])
    assert "bongsu vault reveal EMAIL_" in shown.stdout
    assert "kim@example.com" not in shown.stdout
    assert one.cli("review", "claim", case["id"]).exit_code == 0
    assert one.cli("review", "show", "nobody").exit_code == 2
    assert one.cli("review", "decide", case["id"], "maybe", "--reason", "x").exit_code == 2
    done = one.cli("review", "decide", case["id"], "deny", "--reason", "an attack")
    assert (done.exit_code, done.stdout) == (0, f"{case['id']}: deny\n")
    assert one.cli("review", "decide", case["id"], "deny", "--reason", "again").exit_code == 1
    assert "deny" in one.cli("review", "list", "--over").stdout
    made = one.cli("review", "reviewer", "add", "kim", "--reason", "on duty")
    assert made.stdout.startswith("bsu_reviewer_")
    assert one.cli("review", "reviewer", "list").stdout == "kim\n"
    assert one.cli("review", "reviewer", "remove", "kim", "--reason", "left").exit_code == 0


@pytest.mark.req("P2")
def test_a_control_that_dies_anywhere_opens_each_case_once_and_tells_of_it_once(one: Place) -> None:
    held_calls = 3
    for n in range(held_calls):
        with pytest.raises(openai.PermissionDeniedError):
            ask(one, f"{ATTACK} {n}")
    batch = one.control.reader.read(one.control._marks)
    one.control.reviews.take(batch.events, T0)  # killed after the cases are written, before the event log has the calls
    one.cycle()
    assert len(waiting(one)) == held_calls
    id_ = waiting(one)[0]["id"]
    decide(one.api(), id_, "deny")
    untold = one.store.untold()
    one.control.log.append(untold, None, T0)  # killed after the log has them, before they are crossed off
    one.cycle()
    one.cycle()
    assert not one.store.untold()
    heard = [(e.review, e.call) for e in told(one, "review") if e.call == id_]
    assert sorted(heard) == [("asked", id_), ("in_time", id_)]
    assert len([e for e in told(one, "label") if e.call == id_]) == 1
