"""The SDK: one call for a prediction, one for a label, and the application goes on.

    from bongsu.client import Client

    with Client("http://127.0.0.1:8081", token) as bongsu:
        call = bongsu.prediction("approve", score=0.91, features={"age": 41}, model_version="7")
        ...
        bongsu.label(call, "approve")  # a minute or a month later, from any process

Nothing here blocks or raises into the application. Events are encoded, put into a queue and sent by a thread of their
own, in batches, again and again until they are taken; sending twice is safe, since an event's id is made once. What
cannot be kept is counted, told to ``on_drop``, and said once in the log ``bongsu.client``. With a ``spill`` folder what
fills the queue goes to disk: while control cannot be reached, and while it is slower than the application. In an
asyncio application use ``async with``; children of a fork and of ``multiprocessing`` send their own. Needs the standard
library only.
"""

from bongsu.client.client import Client
from bongsu.client.delivery import Counts

__all__ = ["Client", "Counts"]
