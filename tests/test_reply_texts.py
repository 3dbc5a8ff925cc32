"""Replies drift as prompts do: their cells and their new words, through the gateway in each API and as sent events."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bongsu.alert import Signal
from bongsu.cli import cli
from bongsu.demo.model import DemoModel
from bongsu.drift import Reference, Vocabulary
from bongsu.engine import Plan
from bongsu.event import REPLY
from bongsu.guard import Guard
from bongsu.novelty import EDGES, new_words
from bongsu.policy import PolicyError, parse
from bongsu.policy.model import Policy
from bongsu.prompt import cell
from bongsu.quantity import SECOND
from bongsu.slis.drift import Drift
from bongsu.sources.columns import Columns, checked, reference
from gatewaykit import PII, SECRET, Script, Stand, chunk, reply, speaking, sse, standing
from intakekit import site
from peoplekit import POLICY as PEOPLE
from peoplekit import Place, place
from test_gateway_messages import ask as message_ask
from test_gateway_messages import grown as block
from test_gateway_messages import message
from test_gateway_messages import raw as message_raw
from test_gateway_messages import stream as message_stream
from test_gateway_messages import streaming as blocks
from test_gateway_responses import grown as item
from test_gateway_responses import said as part
from test_gateway_responses import streaming as items
from test_gateway_responses import told

USUAL = ("your card is blocked now", "the balance is ten pounds", "카드를 재발급했습니다", "the money is on its way")
STRANGE = ("boil the egg for nine minutes", "소금 대신 간장을 넣으세요", "roast it slowly", "knead the dough well")
POLICY = """
bongsu: 1
service: {name: bank}
references: {past: {file: "PAST"}}
signals:
  answers: {kind: drift, reference: past, columns: [new_reply_words], min_events: 50}
  cells: {kind: drift, reference: past, columns: [reply_cluster], min_events: 50}
alerts: {answers: {when: answers > 0.1, over: 1h, tier: major}}
"""


def written(path: Path, texts: Sequence[str], column: str = "reply") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([(column,), *((text,) for text in texts)])
    return path


def past(root: Path) -> Path:
    return written(root / "past.csv", [USUAL[i % len(USUAL)] for i in range(400)])


# ---- what the gateway reads, in each API ----

TEXT = "the balance is ten pounds"
PIECES = ("the bal", "ance is", " ten pounds")


def asking(policy: Policy, api: Callable[[Policy], Policy]) -> Policy:
    signal = Signal("answers", Drift("r", (REPLY.cells,)), key="answers")
    return api(replace(policy, plan=Plan("s", signals=(signal,))))


def chat(stand: Stand, stream: bool) -> None:
    stand.ask(stream=stream)


def spoken(stand: Stand, stream: bool) -> None:
    (message_stream if stream else message_ask)(stand)


def responded(stand: Stand, stream: bool) -> None:
    with stand.client() as client:
        said = client.responses.create(model="support-bot", input="hello", stream=stream)  # type: ignore[call-overload]
        if stream:
            list(said)


MODELS: dict[str, tuple[Script, Callable[[Policy], Policy], Callable[[Stand, bool], None]]] = {
    "chat": (Script(sse(*(chunk(p) for p in PIECES), chunk("", reason="stop"), "[DONE]"), plain=reply(TEXT)),
             speaking("openai"), chat),
    "messages": (Script(blocks(block(0, "thinking", "zebra zebra"),
                                           block(1, "text", *PIECES)).pieces, plain=message(TEXT)),
                 speaking("anthropic"), spoken),
    "responses": (Script(items(item(0, "summary", "zebra zebra"),
                                             item(1, "text", *PIECES)).pieces,
                         plain=told(part(TEXT))), speaking("openai"), responded)}


@pytest.mark.req("D1")
@pytest.mark.parametrize("guards", [(), (SECRET,), (PII,)], ids=["unguarded", "guarded", "aliases"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", list(MODELS))
def test_a_call_has_the_cell_of_what_was_answered_where_a_signal_reads_it(tmp_path: Path, name: str, stream: bool,
                                                                        guards: Sequence[Guard]) -> None:
    model, api, ask = MODELS[name]
    with standing(tmp_path, guards, change=lambda p: asking(p, api), model=model) as stand:
        ask(stand, stream)
        event = stand.spool.wait(1)
        assert (event.outcome, event.reply_cluster) == ("ok", cell(TEXT))
        assert event.prompt_cluster == "", "nobody asked for that"


def test_a_stream_whose_replies_are_read_for_a_signal_alone_passes_byte_for_byte(tmp_path: Path) -> None:
    events = b"".join(blocks(block(0, "text", *PIECES)).pieces)
    for change in (speaking("anthropic"), lambda p: asking(p, speaking("anthropic"))):
        with standing(tmp_path / str(id(change)), change=change, model=Script([events], plain={})) as stand:
            assert message_raw(stand) == events


def test_where_no_signal_asks_nothing_is_read_of_a_reply(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.ask(stream=True)
        assert (stand.spool.wait(1).reply_cluster, stand.spool.last().new_reply_words) == ("", None)


# ---- end to end ----


class Answering(DemoModel):
    """A model that answers from a list, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.answers, self.turn = USUAL, 0

    def reply(self, request: dict[str, Any]) -> list[str]:
        self.turn += 1
        return [f"{word} " for word in self.answers[self.turn % len(self.answers)].split()]


def asked(one: Place, n: int) -> None:
    with one.client("sk-any") as client:
        for i in range(n):
            said: Any = client.chat.completions.create(model="plain", stream=i % 2 == 0,  # type: ignore[call-overload]
                                                       messages=[{"role": "user", "content": "hello"}])
            if i % 2 == 0:
                list(said)
    one.cycle(SECOND)


@pytest.mark.req("D1", "O15")
def test_a_model_that_begins_to_answer_in_other_words_alarms_though_prompts_stay_as_they_were(tmp_path: Path) -> None:
    model = Answering()
    more = POLICY.replace("PAST", str(past(tmp_path))).split("service: {name: bank}")[1]
    with place(tmp_path, PEOPLE + more, model=model) as one:
        one.cycle()
        asked(one, 54)
        quiet: Any = one.api().get("/v1/signals/answers")
        assert (quiet["n"], quiet["insufficient"]) == (54, "")
        assert quiet["value"] < 0.1
        model.answers = STRANGE
        asked(one, 20)
        found: Any = one.api().get("/v1/signals/answers")
        assert (found["n"], found["significant"], found["about"]) == (74, True, REPLY.words)
        assert found["value"] > 0.1
        last = one.last()
        assert last.new_reply_words is not None
        assert (last.new_reply_words > 0.5, len(last.reply_vocabulary), last.reply) == (True, 12, None)
        assert (last.vocabulary, last.new_words) == ("", None), "of prompts nothing was asked"
        phases = {a["name"]: a["phase"] for a in one.api().get("/v1/board")["alerts"]}
        assert phases["answers"] == "firing"


@pytest.mark.req("D1")
def test_replies_that_are_sent_are_read_as_two_files_are(tmp_path: Path) -> None:
    file = past(tmp_path)
    texts = [*USUAL * 20, *STRANGE * 10, None]
    with site(tmp_path / "data", POLICY.replace("PAST", str(file))) as one:
        one.cycle()
        status, said = one.post([{"id": f"a{i}", "time": one.now, "kind": "prediction",
                                  **({} if text is None else {"reply": text})} for i, text in enumerate(texts)])
        assert (status, said["accepted"]) == (200, len(texts))
        one.cycle()
        plan, cells = one.control.plan, one.control.cells
        found = {s.name: cells.vector(s.key, *cells.window(one.now, 3600 * SECOND)) for s in plan.signals}
        _, now = new_words("reply", [USUAL[i % len(USUAL)] for i in range(400)], texts)
        assert [found["answers"].get(f"{REPLY.words}:{i}", 0) for i in range(len(EDGES) + 2)] == now
        assert sum(found["cells"].values()) == len(texts)
        assert one.control.engine.alerts["answers", ()].phase == "firing"
        stored = json.dumps(one.store.references()[0][1], default=str)
        assert "pounds" not in stored
    held = written(tmp_path / "now.csv", [text for text in texts if text])
    same = json.loads(CliRunner().invoke(cli, ["drift", str(file), str(held), "--text", "reply", "--json"]).output)
    assert "reply: new words" in same["alarms"]


def test_a_data_set_is_read_in_the_same_way_as_what_is_live(tmp_path: Path) -> None:
    path, rows = tmp_path / "policy.yaml", tmp_path / "rows.csv"
    past(tmp_path)
    path.write_text(POLICY.replace("PAST", "past.csv"))
    with rows.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("time", "reply"), *((1_790_000_000 + i, text) for i, text in
                                                         enumerate([*USUAL * 20, *STRANGE * 20]))])
    ran = CliRunner().invoke(cli, ["evaluate", str(rows), "--policy", str(path), "--map", "time=time", "--map",
                                   "reply=reply", "--set", "kind=prediction", "--json"])
    assert ran.exit_code == 1, ran.output
    found = {one["signal"]: one for one in json.loads(ran.output)["signals"]}
    assert found["answers"]["breached"] == ["answers (> 0.1)"]
    assert found["cells"]["n"] == 160


def test_a_reference_has_words_of_prompts_and_of_replies_apart(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("prompt", "reply"), *(("where is my card", USUAL[i % 4]) for i in range(100))])
    one = reference("past", Columns(path), {"new_words": "number", REPLY.words: "number"})
    assert one.vocabulary is not None
    assert one.reply_vocabulary is not None
    assert one.vocabulary.version != one.reply_vocabulary.version
    assert checked(one) == one
    alone = reference("past", Columns(path), {"new_words": "number"})
    assert alone.version != one.version
    swapped = replace(one, vocabulary=one.reply_vocabulary, reply_vocabulary=one.vocabulary)
    assert checked(swapped).version != one.version
    for wrong in (None, Vocabulary("0" * 12, b"1234")):
        with pytest.raises(ValueError, match="reply_vocabulary"):
            checked(Reference(one.name, one.version, one.columns, one.rows, vocabulary=one.vocabulary,
                              reply_vocabulary=wrong))


@pytest.mark.parametrize(("references", "signals", "words"), [
    ("{a: {window: 2026-11-01..2026-11-08}}", "{s: {kind: drift, reference: a, columns: [new_reply_words]}}",
     "expected a reference from a file or for a model's version, for new_reply_words, came 'a', a window"),
    ("{}", "{s: {kind: mean, sum: new_reply_words}}",
     "expected beside it a signal of kind drift with columns: [new_reply_words]")])
def test_a_policy_whose_new_words_of_replies_nobody_could_tell_is_refused(references: str, signals: str,
                                                                         words: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(f"bongsu: 1\nservice: {{name: s}}\nreferences: {references}\nsignals: {signals}\n", "p", {})
    assert words in str(error.value)


def test_prompts_and_replies_may_have_references_of_their_own() -> None:
    made = parse("""
bongsu: 1
service: {name: s}
references: {asked: {model_version: a}, answered: {model_version: b}}
signals:
  asked: {kind: drift, reference: asked, columns: [new_words]}
  answered: {kind: drift, reference: answered, columns: [new_reply_words]}
""", "p", {})
    assert [one.name for one in made.plan.signals] == ["asked", "answered"]


def test_a_sender_may_not_say_what_is_new_in_a_reply(tmp_path: Path) -> None:
    with site(tmp_path, "bongsu: 1\nservice: {name: bank}") as one:
        for field, value in ((REPLY.words, 0.5), (REPLY.by, "abc")):
            status, said = one.post({"id": "a", "time": one.now, field: value})
            assert (status, said["refused"][0]["field"]) == (422, field)
