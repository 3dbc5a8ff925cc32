"""The gateway: one ASGI callable in front of the models. It sees every call, and every call leaves a fact.

Whatever happens (a refusal, a fault, a client who leaves) the fact is written before the last byte is sent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from bongsu.access.apikey import LIST
from bongsu.access.circuit import Health
from bongsu.exports.exposition import CONTENT_TYPE
from bongsu.host.caller import Caller
from bongsu.host.deadline import Pace
from bongsu.live import Live, Snapshot
from bongsu.policy.model import Policy
from bongsu.ports import Spool
from bongsu.privacy.sealing import Sealer
from bongsu.privacy.tokens import Tokeniser
from bongsu.web import denials, errors, health
from bongsu.web.apart import Crews
from bongsu.web.appealing import MOST, appealed
from bongsu.web.appealing import PATH as APPEALS
from bongsu.web.asked import Asked, encode
from bongsu.web.call import Call
from bongsu.web.door import Door
from bongsu.web.errors import ApiError
from bongsu.web.holding import HEADER, Holding
from bongsu.web.ledger import Ledger
from bongsu.web.masking import Masking
from bongsu.web.memory import Recall
from bongsu.web.ops import Ops
from bongsu.web.past import Past
from bongsu.web.plan import WARM, Plans, Secrets, compile_plans, live_guards, models
from bongsu.web.serve import log_fault, outcome_of, refuse
from bongsu.web.serve_stream import Streamed
from bongsu.web.serving import serving
from bongsu.web.settle import settle
from bongsu.web.surface import Surface
from bongsu.web.surfaces import PATHS, surface_of
from bongsu.web.tracing import context
from bongsu.web.upstream import Transport
from bongsu.web.veil import Veil
from bongsu.web.wire import Gone, Receive, Scope, Send, answer, body_of, caller_of, not_by_a_page, text
from bongsu.wording import Wording

log = logging.getLogger("bongsu.gateway")
PATIENCE = 60.0
"""Seconds in which some of a body has to be here, and all of it but for what its size allows it (``Pace``)."""
METRICS = "/metrics"
CLOSED = 499
"""Status of a call whose client left, as nginx writes it."""


class Gateway:
    """``clock`` is microseconds since 1970, ``timer`` nanoseconds that only go up, ``ids`` never repeats itself.

    ``reload`` reads the policy of a hash that control has made current; while it fails the old one stays. With a
    ``sealer``, what tokens stand for goes into the spool, in a box that only control can open.
    """

    def __init__(self, policy: Policy, live: Live, spool: Spool, tokens: Tokeniser, secrets: Secrets,
                 transport: Transport, *, clock: Callable[[], int], ids: Callable[[], str],
                 timer: Callable[[], int] = time.perf_counter_ns, door: Door | None = None,
                 reload: Callable[[str], Policy] | None = None,
                 patience: float = PATIENCE, ops: Ops | None = None,
                 sealer: Sealer | None = None, past: Past | None = None, attacks: Live | None = None,
                 holding: Holding | None = None, health: Health | None = None,
                 wording: Wording | None = None) -> None:
        self._live, self._tokens, self._secrets, self._transport = live, tokens, secrets, transport
        self._clock, self._ids, self._timer, self._reload = clock, ids, timer, reload
        self._patience, self._sealer = patience, sealer
        self._past, self._wording = past or Past(os.urandom(16)), wording
        self.ops, self.holding = ops or Ops(), holding
        self.ops.lobby.hurry(policy.body_rate)
        self.ledger, self.door = Ledger(spool, Veil(tokens.mask)), door or Door()
        self._snapshot = live.current()
        self.health = health or Health()
        self._recall = Recall(attacks, tokens)
        self.crews = Crews(WARM)
        self._plans = compile_plans(policy, self._snapshot.changes, secrets, health=self.health, recall=self._recall,
                                    crews=self.crews)
        self._refused = ""
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            surface = surface_of(scope["path"])
            if surface is not None and scope["method"] == "POST":
                await self._serve(surface, scope)
            elif scope["path"] == APPEALS and scope["method"] == "POST":
                await self._appeal(scope)
            else:
                await self._other(scope)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            ends = message["type"] == "lifespan.shutdown"
            if not ends:
                await self.crews.ready()
            if ends:
                await self._transport.close()
                if self.ledger.veil is not None:
                    await self.ledger.veil.close()
                self.crews.close()
                self.door.close()
                self.health.close()
                if self._sealer is not None:
                    self._sealer.close()
                self._recall.close()
                self._past.close()
                if self._wording is not None:
                    self._wording.close()
                if self.holding is not None:
                    self.holding.close()
            await send({"type": f"{message['type']}.complete"})
            if ends:
                return

    # ---- live policy ----

    async def plans(self) -> Plans:
        """Those of the snapshot that is current now; a request keeps what it was given.

        A change by a response (fail-over, block) is in force at once, also while another policy loads. That policy is
        when its guards' processes have loaded: the call that met it first waits, the others go on by the one before. A
        guard that a response switches on fails, as its policy says, until its processes have loaded.
        """
        snapshot = self._live.current()
        policy = None
        if (self._reload is not None and not self._loading.locked()
                and snapshot.policy not in ("", self._plans.policy.hash, self._refused)):
            async with self._loading:
                policy = await self._load(self._reload, snapshot)
            snapshot = self._live.current()
        if policy is not None or snapshot is not self._snapshot:
            self._take(policy or self._plans.policy, snapshot)
        return self._plans

    async def _load(self, reload: Callable[[str], Policy], snapshot: Snapshot) -> Policy | None:
        """The policy of a snapshot with all that it needs, or none."""
        try:
            policy = await asyncio.to_thread(reload, snapshot.policy)
        except Exception:
            log.exception("policy %s cannot be loaded; %s stays", snapshot.policy[:12], self._plans.policy.hash[:12])
            self._refused = snapshot.policy
            return None
        self._refused = ""
        await self.crews.load(live_guards(policy, snapshot.changes))
        return policy

    def _take(self, policy: Policy, snapshot: Snapshot) -> None:
        # control publishes every few seconds to show that it lives; only news is worth compiling. What had a problem is
        # tried again all the same: a key that could not be read may be there now.
        if policy is not self._plans.policy:
            self.ops.metrics.forget()
        if policy is not self._plans.policy or snapshot.changes != self._snapshot.changes or self._plans.problems:
            self._plans = compile_plans(policy, snapshot.changes, self._secrets, self._plans.noted, self.health,
                                        self._recall, self.crews)
        self.ops.lobby.hurry(self._plans.policy.body_rate)
        self._snapshot = snapshot

    # ---- everything but calls ----

    async def _other(self, scope: Scope) -> None:
        path, method = scope["path"], scope["method"]
        status = 200
        if path in health.ALIVE and method in ("GET", "HEAD"):
            found: Any = {"status": "alive"}
        elif path in health.READY and method in ("GET", "HEAD"):
            plans = await self.plans()
            status, found = health.readiness(plans, self._snapshot, self._refused, self.ledger, self._clock(),
                                             self.crews.troubles())
            found["worker"], found["upstreams"] = self.ops.metrics.worker, self.health.shown(self._timer())
            if self.ops.draining:
                status, found["status"] = 503, "draining"
        elif path == METRICS and method == "GET" and self.ops.lets(dict(scope["headers"])):
            page = self.ops.page(self.health, self.ledger, self._plans.policy.hash, self.crews)
            await text(caller_of(scope), 200, CONTENT_TYPE, page)
            return
        elif path == METRICS and method == "GET":
            status, found = 401, errors.no_scrape().error()
        elif (path == "/v1/models" or path.startswith("/v1/models/")) and method == "GET":
            try:
                found = await self._models(path.removeprefix("/v1/models").removeprefix("/"), dict(scope["headers"]))
            except ApiError as refused:
                status, found = refused.status, refused.error()
        else:
            ours = (*health.ALIVE, *health.READY, METRICS, APPEALS, "/v1/models")
            posted = path == APPEALS or surface_of(path) is not None
            error = (errors.other_method("POST" if posted else "GET", method) if posted or path in ours
                     else errors.unknown_path((*PATHS, "/v1/models", "/health/readiness")))
            status, found = error.status, error.error()
        await answer(caller_of(scope), status, (), encode(found))

    def note(self) -> None:
        """Leave the numbers of this worker, and what is wrong with it, where the others and control find them."""
        try:
            self.ops.note(self.health, self.ledger, self._plans.policy.hash, self.crews,
                          [*health.problems(self._plans, self.crews.troubles()),
                           *self.ops.metrics.troubles(self._clock())])
        except OSError as error:
            log.warning("the numbers of this worker cannot be left for the others: %s", error.strerror)

    async def _models(self, name: str, headers: Mapping[bytes, bytes]) -> Any:
        """The routes a caller may use, or one of them."""
        plans = await self.plans()
        key = self.door.who(headers, plans.policy, self._clock(), {})
        if key is not None and not key.may(LIST):
            raise denials.no_listing(key)
        mine = [m for m in models(plans) if key is None or not key.routes or m["id"] in key.routes]
        if not name:
            return {"object": "list", "data": mine}
        found = next((m for m in mine if m["id"] == name), None)
        if found is None:
            raise errors.unknown_model()
        return found

    async def _appeal(self, scope: Scope) -> None:
        """Who is restricted says why they should not be; it is written down before they are told so."""
        caller = caller_of(scope)
        try:
            headers = dict(scope["headers"])
            not_by_a_page(headers)
            plans = await self.plans()
            body = await body_of(caller, MOST, Pace(self._patience, plans.policy.body_rate))
            event = appealed(body, headers, self.door, plans.policy, Masking(self._tokens), self._clock)
            if not await self.ledger.keep([event], plans.policy):
                raise errors.log_unavailable()
        except ApiError as error:
            await answer(caller, error.status, error.headers(), encode(error.error()))
        except Gone:
            return
        else:
            await answer(caller, 202, (), encode({"review": event.name, "appeal": "taken"}))

    # ---- calls ----

    async def _serve(self, surface: Surface, scope: Scope) -> None:
        call = Call(self._ids(), self._clock, self._timer, Masking(self._tokens, self._sealer), surface)
        caller, task, left = caller_of(scope), asyncio.current_task(), False
        self.ops.began(call, task)

        def leave() -> None:
            nonlocal left
            if task is not None and not call.sealed:
                left = task.cancel()

        try:
            headers = dict(scope["headers"])
            not_by_a_page(headers)
            call.facts |= {"service": self._plans.policy.service.name, "policy": self._plans.policy.hash}
            plans = await self.plans()
            call.tags(headers, plans.policy.worded)
            call.key = self.door.who(headers, plans.policy, call.at, call.facts)
            call.of_region(plans.policy.trust.region_of(headers, keyed=call.key is not None))
            body = await body_of(caller, plans.policy.max_body, Pace(self._patience, plans.policy.body_rate))
            served = await self._admit(call, plans, surface.read(body), headers, caller)
            caller.on_leave(leave)
            await served.serve()
        except ApiError as error:
            await self._refuse(call, error, caller)
        except Gone:
            self._cancelled(call)
        except asyncio.CancelledError:
            if call.cut and not call.sealed:
                await self._refuse(call, errors.shutting_down(call.id), caller)
                return
            self._cancelled(call)
            if not left or task is None or task.uncancel() > 0:
                raise
        except Exception as error:  # noqa: BLE001 (a fault of ours: logged, recorded, and answered)
            log_fault(call, error)
            await self._refuse(call, errors.internal(call.id), caller)
        finally:
            caller.on_leave(None)
            call.settle()
            self.ops.ended(call)

    async def _admit(self, call: Call, plans: Plans, request: Asked, headers: Mapping[bytes, bytes],
                     caller: Caller) -> Streamed:
        """Find the route and let the call in; a closed policy with a broken log goes no further."""
        plan = plans.routes.get(request.model)
        if plan is None:
            raise errors.unknown_model()
        if plan.chain and call.surface.api not in ("", plan.chain[0].upstream.api):
            raise errors.other_api(call.surface.api, plan.chain[0].upstream.api)
        call.begin(plan, request.user, request.stream)
        plan = settle(plan, call)
        if self.ledger.refuses(plans.policy):
            raise errors.log_unavailable()
        plan = await self.door.admit(call, request, plan, plans.policy)
        if not call.surface.free:
            call.past = self._past if plans.reads_prompts else None
            call.known = self._wording.known() if self._wording is not None else {}
        extra = {"x-request-id": call.id, **call.surface.passed(headers), **context(call, plans.policy, headers)}
        found = None
        if self.holding is not None and HEADER in headers:
            found = await self.holding.redeem(headers[HEADER], call, request.stream)
        kind = serving(call, plan)
        return kind(call, request, plan, plans.policy, self.ledger, self._transport, self._timer, caller, extra,
                    self.holding, found)

    async def _refuse(self, call: Call, error: ApiError, caller: Caller) -> None:
        if not call.sealed:
            call.ended(outcome_of(error), error.status, error.code)
            if not await self.ledger.keep(call.seal(), self._plans.policy, call.stored):
                error = errors.log_unavailable()
            call.settle()
        await refuse(caller, call, error)

    def _cancelled(self, call: Call) -> None:
        if not call.sealed:
            call.ended("cancelled", CLOSED, "client_left")
            self.ledger.write(call.seal(), call.stored)
