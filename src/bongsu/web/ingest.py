"""The way in for sent events, as a policy wants it."""

from __future__ import annotations

from collections.abc import Callable

from bongsu import wording
from bongsu.host import keys
from bongsu.host.epochs import tokeniser
from bongsu.host.folder import Folder
from bongsu.ids import ulids
from bongsu.live import Live
from bongsu.policy.model import Policy
from bongsu.privacy.sealing import LIVE, Sealer
from bongsu.sources.submitted import Span
from bongsu.stores.state import State
from bongsu.web.apart import Crews
from bongsu.web.cloak import Cloak
from bongsu.web.clusters import clustered
from bongsu.web.events import Inlet, Take
from bongsu.web.plan import WARM
from bongsu.wording import Wording


def inlet_of(policy: Policy, folder: Folder, store: State, clock: Callable[[], int], take: Take) -> Inlet:
    """Masked as the policy says, of times it believes, for whoever has the token of ``bongsu token ingest``."""
    def token(actor: str, reason: str) -> str:
        return keys.new_token(store, keys.INGEST, actor, reason, clock())

    crews = Crews(WARM)
    guards = [crews.apart(guard) for guard in policy.guards if "store" in guard.on]
    cloak = Cloak(tokeniser(folder.keys, clock), policy.service.name, policy.hash, ulids(clock),
                  guards=guards, sealer=Sealer(Live(folder.live, LIVE), policy.service.name),
                  clusters=clustered(policy.plan), worded=policy.worded,
                  wording=Wording(Live(folder.live, wording.LIVE)))
    return Inlet(take, cloak, policy.service.name, lambda: Span(*policy.ingest.span(clock(), policy.retention)),
                 lambda given: keys.is_kept(store, keys.INGEST, given), token, crews.close)
