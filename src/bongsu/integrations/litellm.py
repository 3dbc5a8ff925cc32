"""A guardrail of LiteLLM that asks bongsu: its guards, restrictions and record for traffic of another gateway.

LiteLLM's configuration, with ``bongsu`` installed beside it:

    guardrails:
    - guardrail_name: bongsu
      litellm_params:
        guardrail: bongsu.integrations.litellm.BongsuGuardrail
        mode: [pre_call, post_call]
        default_on: true
        api_base: http://127.0.0.1:8080
        api_key: os.environ/BONGSU_KEY
        route: support-bot          # else the request's model names the route

Only LiteLLM's documented ``CustomGuardrail`` is used. It fails closed: where bongsu gives no decision the call does not
go on. A stream is held until it is whole and judged then, since a decision is of a whole text; serve streams through
bongsu's own gateway where they must flow while they are checked. Of a reply its contents are judged, no tool calls.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

REFUSED = 400
"""Status of what a guard blocks: clients do not try it again."""


class NoDecision(Exception):
    """bongsu did not decide; ``status`` is what it answered, 0 where it did not."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"bongsu gave no decision ({code or status or 'no answer'}), and nothing goes on unjudged")
        self.status, self.code = status, code


class Asking:
    """``POST /v1/decide`` of one gateway."""

    def __init__(self, base: str, key: str, route: str, timeout: float) -> None:
        self._url, self._key, self._route, self._timeout = f"{base.rstrip('/')}/v1/decide", key, route, timeout

    async def decide(self, on: str, model: str, user: str, **texts: Any) -> Mapping[str, Any]:
        """Raises ``NoDecision``."""
        import aiohttp

        body = {"route": self._route or model, "on": on, **({"user": user} if user else {}), **texts}
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with (aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self._timeout)) as session,
                        session.post(self._url, json=body, headers=headers) as answer):
                found = await answer.json()
                if answer.status != 200 or "decision" not in found:
                    raise NoDecision(answer.status, str(found.get("error", {}).get("code", "")))
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError):
            raise NoDecision(0, "") from None
        decided: Mapping[str, Any] = found
        return decided


def _make() -> Any:
    from fastapi import HTTPException
    from litellm.integrations.custom_guardrail import CustomGuardrail

    def refuse(decision: Mapping[str, Any]) -> HTTPException:
        return HTTPException(REFUSED, {"error": {"message": decision["reply"], "type": "invalid_request_error",
                                                 "code": "content_filter", "call": decision["id"]}})

    def unjudged(error: NoDecision) -> HTTPException:
        # who is restricted is told so; everything else is the operator's
        status = error.status if error.status in (401, 403, 429) else 503
        return HTTPException(status, {"error": {"message": str(error), "code": error.code or "guard_unavailable"}})

    class BongsuGuardrail(CustomGuardrail):  # type: ignore[misc, no-any-unimported, unused-ignore]
        """Asks bongsu before a call (``pre_call``) and about its reply (``post_call``)."""

        def __init__(self, api_base: str | None = None, api_key: str | None = None, route: str = "",
                     timeout: float | None = None, **more: Any) -> None:
            base = api_base or os.environ.get("BONGSU_GATEWAY", "http://127.0.0.1:8080")
            self.asking = Asking(base, api_key or os.environ.get("BONGSU_KEY", ""), route, timeout or 10.0)
            super().__init__(**more)

        async def _ask(self, on: str, data: Mapping[str, Any], **texts: Any) -> Mapping[str, Any]:
            user = str(data.get("user") or "")
            try:
                found = await self.asking.decide(on, str(data.get("model", "")), user, **texts)
            except NoDecision as error:
                raise unjudged(error) from None
            if found["decision"] in ("block", "review"):
                raise refuse(found)
            return found

        async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any],  # noqa: ARG002
                                      call_type: str) -> dict[str, Any]:  # noqa: ARG002
            """The messages as they may go on."""
            if not self.should_run_guardrail(data, _event("pre_call")):
                return data
            if data.get("messages"):
                data["messages"] = (await self._ask("input", data, messages=data["messages"]))["messages"]
            return data

        async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any,  # noqa: ARG002
                                               response: Any) -> Any:
            """The reply, each choice as it may go out."""
            if self.should_run_guardrail(data, _event("post_call")):
                for choice in getattr(response, "choices", ()):
                    message = getattr(choice, "message", None)
                    if message is not None and isinstance(message.content, str) and message.content:
                        found = await self._ask("output", data, **_context(data), text=message.content)
                        message.content = found["text"]
            return response

        async def async_post_call_streaming_iterator_hook(
                self, user_api_key_dict: Any, response: Any,  # noqa: ARG002
                request_data: dict[str, Any]) -> AsyncIterator[Any]:
            """All chunks once the whole was judged. What is to be redacted is said in the first that carries text."""
            if not self.should_run_guardrail(request_data, _event("post_call")):
                async for chunk in response:
                    yield chunk
                return
            chunks = [chunk async for chunk in response]
            for index in {choice.index for chunk in chunks for choice in chunk.choices}:
                said = [c.delta for chunk in chunks for c in chunk.choices if c.index == index and c.delta.content]
                whole = "".join(delta.content for delta in said)
                if whole:
                    text = (await self._ask("output", request_data, **_context(request_data), text=whole))["text"]
                    if text != whole:
                        for n, delta in enumerate(said):
                            delta.content = text if n == 0 else ""
            for chunk in chunks:
                yield chunk

    return BongsuGuardrail


def _context(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the model was given, for guards that hold its reply against that."""
    messages = data.get("messages")
    return {"messages": messages} if isinstance(messages, list) else {}


def _event(name: str) -> Any:
    from litellm.types.guardrails import GuardrailEventHooks

    return GuardrailEventHooks(name)


def __getattr__(name: str) -> Any:
    """The class, made when it is asked for: without LiteLLM this module can be imported all the same."""
    if name != "BongsuGuardrail":
        raise AttributeError(name)
    made = globals()[name] = _make()
    return made
