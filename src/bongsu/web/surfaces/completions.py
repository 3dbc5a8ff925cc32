"""OpenAI's older text completions: a text in, its continuation out, plain and streamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked
from bongsu.web.masking import Masking
from bongsu.web.slots import OF_CHOICES, Slot, noted_slots
from bongsu.web.surface import Blocked
from bongsu.web.surfaces.chat import REPEATED, Chat, ChatAsked, top_slots
from bongsu.web.surfaces.choices import ChoiceReplies, annotation
from bongsu.web.surfaces.plain import worded


class CompletionsAsked(ChatAsked):
    """Each prompt is answered ``n`` times."""

    __slots__ = ()
    needs = ("prompt", "a text or a list of texts")

    def slots(self) -> list[Slot]:
        out = worded(self, "prompt")
        if isinstance(self.take("suffix").get("suffix"), str):
            out.append(Slot(self.changed, "suffix"))
        self.said = len(out)
        return out

    def choices(self) -> int:
        prompts = self.read("prompt", object, "")
        many = isinstance(prompts, list) and bool(prompts) and isinstance(prompts[0], str | list)
        return min(self.n * (len(prompts) if many else 1), REPEATED)


class CompletionReplies(ChoiceReplies):
    """Chunks whose choices have a ``text``."""

    noun, id_begins, read_apart = "text_completion", "cmpl", OF_CHOICES | {"text"}
    nothing: ClassVar[dict[str, Any]] = {"text": ""}

    def said(self, choice: dict[str, Any]) -> str:
        text = choice.get("text")
        return text if isinstance(text, str) else ""

    def piece(self, index: int, choice: dict[str, Any]) -> bool:
        choice["text"] = self._pass((index, "text", 0), self.said(choice))
        return bool(choice["text"])

    def flush(self, index: int) -> list[bytes]:
        rest = self._pass((index, "text", 0), "", last=True) if (index, "text", 0) in self._texts else ""
        return [self.chunk(index, {"text": rest})] if rest else []

    def saying(self, sentence: str) -> dict[str, Any]:
        return {"text": sentence}


class Completions(Chat):
    """``POST /v1/completions``."""

    path = "/completions"
    operation = "text_completion"

    def read(self, body: bytes) -> CompletionsAsked:
        return CompletionsAsked(body)

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        if not all(isinstance(c, dict) and isinstance(c.get("text"), str) for c in reply["choices"]):
            return None
        said = [Slot(choice, "text") for choice in reply["choices"]]
        noted = [slot for choice in reply["choices"] for slot in noted_slots(choice, OF_CHOICES | {"text"})]
        return said + noted + top_slots(reply)

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any]:
        choice = {"text": blocked.sentence, "logprobs": None, "finish_reason": "content_filter",
                  "content_filter_results": annotation(blocked.guard)}
        return {"id": f"cmpl-{blocked.call}", "object": "text_completion", "created": blocked.created,
                "model": asked.model, "choices": [{"index": i, **choice} for i in range(_choices(asked))],
                "usage": blocked.usage.reply()}

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,
                allowing: Allowing | None) -> CompletionReplies:
        asks_usage = isinstance(asked, ChatAsked) and asked.asks_usage
        return CompletionReplies(guards, masking, call=call, asks_usage=asks_usage, choices=_choices(asked),
                                 allowing=allowing)


def _choices(asked: Asked) -> int:
    return asked.choices() if isinstance(asked, CompletionsAsked) else 1
