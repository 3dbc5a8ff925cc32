"""Wiring: the one module that sees everything, and the only one that owns a clock.

Each process imports only what it runs: a gateway has no use for DuckDB, nor a client for any of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bongsu.host import keys, logs
from bongsu.host.folder import Folder
from bongsu.host.process import Leaving, Manners, Told, ended, run, serve, settled
from bongsu.host.supervisor import Supervisor, alone, listen
from bongsu.offline.checkup import check_policy
from bongsu.policy import Policy, load
from bongsu.quantity import SECOND
from bongsu.secret import resolve, reveal

if TYPE_CHECKING:
    from bongsu.evaluation.run import Evaluated
    from bongsu.room.control import Control
    from bongsu.room.worker import Worker
    from bongsu.stores.state import State
    from bongsu.web.access import Way

CYCLE = 0.1
LOOPBACK = ("127.0.0.1", "::1", "localhost")
RETRY = 1.0
PATIENCE = 15.0
"""How long a new control process waits for the one before it to end, in seconds."""
CHECKPOINT_EVERY = 10 * SECOND


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def open_store(folder: Folder) -> State:
    """The state of a data folder, able to sign. A log that was signed is never gone on with under another key."""
    from bongsu.stores.state import State

    url = f"sqlite:///{folder.state}"
    if folder.state.is_file() and not (folder.keys / keys.AUDIT).exists():
        unsigned = State(url)
        signed = bool(unsigned.checkpoints())
        unsigned.dispose()
        if signed:
            keys.existing_audit_key(folder.keys)
    return State(url, keys.audit_key(folder.keys), checkpoint_every=CHECKPOINT_EVERY)


def evaluate(kind: str, file: Path, policy_path: Path, names: Sequence[str] = (),
             threshold: float | None = None) -> Evaluated:
    """How guards of a policy do on labelled rows; those that ask others ask them now.

    Raises ``RowsError``, ``GuardError``, ``PolicyError``, ``JudgeError``, ``SecretError``.
    """
    from bongsu.evaluation.run import evaluated
    from bongsu.offline.chosen import chosen
    from bongsu.web.asking import Asking
    from bongsu.web.grounded import judges

    policy = load(policy_path, os.environ)
    guards = chosen(policy, names)
    asking = next((guard for guard in guards if judges(guard)), None)
    with Asking(policy, asking, resolve) if asking else contextlib.nullcontext() as asked:
        return evaluated(kind, file, threshold, guards=guards, asked=asked)


# ---- processes ----


def run_up(policy_path: Path, data: Path, gateway_at: tuple[str, int], control_at: tuple[str, int], workers: int,
           public_url: str = "", manners: Manners | None = None) -> int:
    """Check the policy, then keep one control process and the gateways alive until told to stop.

    ``public_url`` is how people reach the cockpit, for the links in notices.
    """
    if wrong := _unfit(policy_path, gateway_at[0]):
        print(wrong, file=sys.stderr)
        return 2
    try:
        folder = Folder(data.resolve()).create()
        alone(folder.lock)()
        pinned = folder.pin(policy_path.read_bytes())
        folder.want(pinned)
        gateway, control = listen(*gateway_at), listen(*control_at)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    manners = manners or Manners()
    supervisor = Supervisor(os.environ, manners.patience, manners.notice)
    options = ("--policy", str(pinned), "--data", str(folder.root), "--parent", str(os.getpid()),
               *manners.words())
    supervisor.add("control", "control", control, *options, "--site", public_url or _url(control_at),
                   "--written", str(policy_path.resolve()))
    for n in range(workers):
        supervisor.add(f"gateway-{n}", "gateway", gateway, *options, "--worker", str(n))
    print(f"gateway  {_url(gateway_at)}/v1\ncockpit  {public_url or _url(control_at)}/", flush=True)
    for name, (host, _) in (("gateway", gateway_at), ("control", control_at)):
        if host not in LOOPBACK:
            print(f"the {name} listens on {host} without TLS: put a proxy that speaks TLS in front", file=sys.stderr)
    supervisor.run(lambda: _renew(supervisor, folder, policy_path, gateway_at[0]))
    return 0


def _unfit(policy_path: Path, host: str) -> str:
    """Why a policy cannot be run on this host; empty where it can."""
    if faults := check_policy(policy_path, None)["faults"]:
        return "\n".join(faults)
    if host not in LOOPBACK and load(policy_path, os.environ).keys != "required":
        return (f"the gateway would serve anybody who reaches {host}: expected settings.keys: required in the policy "
                "for a host that is not loopback")
    return ""


def _renew(supervisor: Supervisor, folder: Folder, policy_path: Path, host: str) -> None:
    """Read the policy again. A sound one goes to control, which begins anew with it and tells the gateways: they go on
    with what is under way, and take it for what comes after. One with faults changes nothing."""
    try:
        if not (wrong := _unfit(policy_path, host)):
            pinned = folder.pin(policy_path.read_bytes())
            folder.want(pinned)
            supervisor.take("--policy", str(pinned))  # for whoever starts from now on
    except OSError as error:
        wrong = f"{policy_path}: {error.strerror}"
    if wrong:
        print(f"policy not taken, the one before stays:\n{wrong}", file=sys.stderr, flush=True)
        return
    supervisor.renew("control")
    print(f"policy taken: {policy_path}", flush=True)


def _url(at: tuple[str, int]) -> str:
    host, port = at
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_gateway(fd: int, policy_path: Path, data: Path, parent: int, worker: str,
                manners: Manners | None = None) -> None:
    """One gateway process on an inherited socket."""
    from bongsu.access.seats import shared_health
    from bongsu.host.epochs import tokeniser
    from bongsu.host.shelf import Shelf
    from bongsu.ids import ulids
    from bongsu.live import Live
    from bongsu.privacy.sealing import LIVE, Sealer
    from bongsu.sources.spool import SpoolWriter
    from bongsu.web.door import Door
    from bongsu.web.gateway import Gateway
    from bongsu.web.holding import Holding
    from bongsu.web.ops import Ops
    from bongsu.web.past_shared import CommonPast
    from bongsu.web.purse import Purse
    from bongsu.web.rates import Rates
    from bongsu.web.scrape import EVERY, admission
    from bongsu.web.transport import HttpTransport
    from bongsu.wording import LIVE as WORDS
    from bongsu.wording import Wording

    manners = manners or Manners()
    logs.configure(manners.logs, f"gateway-{worker}")
    folder = Folder(data).create()
    policy = load(policy_path, os.environ)
    ops = Ops(worker, admission(fd), Shelf(folder.live, worker, clock))
    leaving = Leaving(ops.drain, ops.cut, manners.drain, manners.notice)

    def reload(digest: str) -> Policy:
        return load(folder.policy(digest), os.environ)

    async def main() -> None:
        spool = SpoolWriter(folder.spool, f"gateway-{worker}", strict=policy.durability == "strict")
        app = Gateway(policy, Live(folder.live), spool, tokeniser(folder.keys, clock), resolve,
                      HttpTransport(), door=Door(Live(folder.live, "people"), Rates(folder.live),
                                                 Purse(folder.live, f"gateway-{worker}")),
                      clock=clock, ids=ulids(clock), reload=reload, ops=ops,
                      sealer=Sealer(Live(folder.live, LIVE), policy.service.name), attacks=Live(folder.live, "attacks"),
                      past=CommonPast(folder.live, keys.token_key(folder.keys)),
                      holding=Holding(folder.held, Live(folder.live, "reviews")), health=shared_health(folder.live),
                      wording=Wording(Live(folder.live, WORDS)))
        settled()
        noting = asyncio.create_task(_every(EVERY, app.note))
        try:
            await serve(app, fd, parent, lifespan="on", watched=[noting], leaving=leaving, lobby=ops.lobby)
        finally:
            noting.cancel()
            spool.close()

    run(main())


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        work()


def run_control(fd: int, policy_path: Path, data: Path, parent: int, site: str = "",
                manners: Manners | None = None, written: str = "") -> None:
    """The control process on an inherited socket. ``written`` is where the policy's text came from: its relative paths
    begin there."""
    logs.configure((manners or Manners()).logs, "control")
    folder = Folder(data).create()
    release = alone(folder.lock, PATIENCE)
    try:
        pinned = folder.pin(policy_path.read_bytes())
        while run(_control(fd, _as_written(pinned, written), folder, parent, site)).again:
            pinned = folder.policy(folder.wanted.read_text()) if folder.wanted.exists() else pinned
            ended()
    except Exception as error:
        from bongsu.stores.faults import DiskFull

        full = isinstance(error, DiskFull) or "disk is full" in str(error)
        if not full and getattr(error, "errno", None) not in (ENOSPC, EDQUOT, EFBIG):
            raise
        print(f"control: expected room on the disk of {folder.root}, came a full one; free some", file=sys.stderr)
        sys.exit(1)
    finally:
        ended()
        release()


def _as_written(pinned: Path, written: str) -> Policy:
    policy = load(pinned, os.environ)
    return replace(policy, path=written or policy.path)


async def _control(fd: int, policy: Policy, folder: Folder, parent: int, site_url: str) -> Told:
    """Control by one policy, until it ends; told whether it is to begin again, by another."""
    from bongsu.channels.http import Http, sender
    from bongsu.host.lobby import Lobby
    from bongsu.room.control import Control
    from bongsu.room.desk import ControlDesk
    from bongsu.room.heartbeat import beat
    from bongsu.room.intake import Intake
    from bongsu.room.outlets import Outlets
    from bongsu.room.tracing import Exporter, LogSource
    from bongsu.room.whom import followed
    from bongsu.room.worker import Worker, resolve_action
    from bongsu.web.channels import channel_ways
    from bongsu.web.ingest import inlet_of
    from bongsu.web.numbers import number_ways
    from bongsu.web.scrape import admission
    from bongsu.web.site import control_app
    from bongsu.web.sources import source_ways

    loop = asyncio.get_running_loop()
    engine_room = ThreadPoolExecutor(1, thread_name_prefix="engine")  # SQLite and DuckDB belong to one thread
    store = open_store(folder)
    _admin(store)
    async with Http(reveal, clock, memory=store) as outside:
        crew: list[Worker] = []
        send = sender(policy.channels, outside)

        def hire() -> Worker:
            crew[:] = [Worker(store, resolve_action, send, clock, f"control-{os.getpid()}", site=site_url,
                              language=policy.service.language, after=lambda: control.revised(),
                              accept=lambda done: followed(done, control.epochs.of_now))]
            return crew[0]

        def poke() -> None:
            for worker in crew:
                worker.poke()

        def decided() -> None:
            loop.call_soon_threadsafe(poke)

        control = await loop.run_in_executor(engine_room, lambda: Control(policy, folder, store, clock, decided))
        store.record("control.start", "bongsu", policy.service.name, "", {"vkey": store.vkey()}, clock(), policy.hash)

        def take(table: Any, boxes: Any) -> Any:
            return loop.run_in_executor(engine_room, control.take, table, boxes)

        inlet = inlet_of(policy, folder, store, clock, take)
        ways = (*channel_ways(Outlets(policy, send, store, clock, site_url)), *ways_of(control),
                *source_ways(Intake(policy, clock, take)), *inlet.ways(),
                *number_ways(control, admission(fd), inlet.refused))
        site = control_app(ControlDesk(control), lambda: str(store.note(keys.ADMIN)), ways=ways,
                           reviewers=store.reviewers)
        settled()
        stop = asyncio.Event()
        jobs = [
            asyncio.create_task(_forever(stop, lambda: loop.run_in_executor(engine_room, control.cycle))),
            asyncio.create_task(_work(stop, hire, control)),
        ]
        if policy.heartbeat is not None:
            jobs.append(asyncio.create_task(beat(policy.heartbeat, outside, control, stop)))
        if policy.export.otlp is not None:
            exporter = Exporter(policy.export.otlp, outside, LogSource(control.log, store),
                                lambda work: loop.run_in_executor(engine_room, work))
            jobs.append(asyncio.create_task(exporter.run(stop)))
        try:
            return await serve(site, fd, parent, lifespan="off", watched=jobs,
                               leaving=Leaving(site.state.closing.set), lobby=Lobby(rate=policy.body_rate))
        finally:
            stop.set()
            for worker in crew:
                worker.stop()
            await asyncio.gather(*jobs, return_exceptions=True)
            await inlet.close()
            await loop.run_in_executor(engine_room, control.close)
            engine_room.shutdown()
            store.close(clock())


def ways_of(control: Control) -> tuple[Way, ...]:
    """The ways into the site that are about people (keys, budgets), versions, postmortems, the vault, reviews, signals.
    """
    from bongsu.room.epochdesk import EpochDesk
    from bongsu.room.keydesk import KeyDesk
    from bongsu.room.memory import MemoryDesk
    from bongsu.room.postmortemdesk import PostmortemDesk
    from bongsu.room.restrictdesk import RestrictionDesk
    from bongsu.room.reviewdesk import ReviewDesk
    from bongsu.room.shadowdesk import ShadowDesk
    from bongsu.room.signaldesk import SignalDesk
    from bongsu.room.vaultdesk import VaultDesk
    from bongsu.web.attacks import attack_ways
    from bongsu.web.epochs import epoch_ways
    from bongsu.web.keypage import key_pages
    from bongsu.web.keys import key_ways
    from bongsu.web.limits import limit_ways
    from bongsu.web.postmortems import postmortem_ways
    from bongsu.web.privacypage import privacy_pages
    from bongsu.web.restrictions import restriction_ways
    from bongsu.web.reviewpage import review_pages
    from bongsu.web.reviews import review_ways
    from bongsu.web.shadowpage import shadow_pages
    from bongsu.web.signalpage import signal_pages
    from bongsu.web.signals import signal_ways
    from bongsu.web.spending import spending_ways
    from bongsu.web.vault import vault_ways
    from bongsu.web.versions import version_ways

    desk = KeyDesk(control)
    ladder, reviews, signals = RestrictionDesk(control, desk), ReviewDesk(control), SignalDesk(control)
    vault, epochs = VaultDesk(control), EpochDesk(control)
    return (*key_ways(desk), *spending_ways(desk), *limit_ways(desk), *restriction_ways(ladder),
            *key_pages(desk, ladder), *version_ways(control.rollout), *postmortem_ways(PostmortemDesk(control)),
            *vault_ways(vault), *epoch_ways(epochs, vault), *privacy_pages(epochs, vault),
            *attack_ways(MemoryDesk(control)), *review_ways(reviews),
            *review_pages(reviews), *signal_ways(signals), *signal_pages(signals),
            *shadow_pages(ShadowDesk(control)))


def _admin(store: State) -> None:
    """The admin's token: given by the environment (a deployment's secret), or made at first start and shown once."""
    if ingest := os.environ.get("BONGSU_INGEST_TOKEN"):
        store.put_token(keys.INGEST, keys.digest(ingest), "bongsu", "given by the environment", clock())
    given = os.environ.get("BONGSU_ADMIN_TOKEN")
    if given:
        store.put_token(keys.ADMIN, keys.digest(given), "bongsu", "given by the environment", clock())
        return
    made = keys.first_admin_token(store, clock())
    if made is not None:
        print(f"admin token (shown once; sign in with it, or set BONGSU_TOKEN): {made}\n"
              f"audit verifier key (keep it elsewhere, to prove the record by): {store.vkey()}", flush=True)


async def _forever(stop: asyncio.Event, work: Callable[[], Any]) -> None:
    while not stop.is_set():
        await work()
        await asyncio.sleep(CYCLE)


async def _work(stop: asyncio.Event, hire: Callable[[], Worker], control: Control) -> None:
    """Steps are carried out as long as they can be recorded; what was under way when they could not be is done again
    with the same key when its lease runs out."""
    from sqlalchemy.exc import OperationalError

    while not stop.is_set():
        control.trouble("steps", None)
        try:
            await hire().run()
        except* OperationalError as errors:
            control.trouble("steps", errors.exceptions[0])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY)
        else:
            return
