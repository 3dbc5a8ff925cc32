"""Threads for libraries that wait: apart from those that the stores need, so that a hanging server holds up nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
WIDTH = 8


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WIDTH, thread_name_prefix="channel")


async def in_thread(work: Callable[[], T]) -> T:
    """What the work returns or raises. It must end by itself: a thread cannot be stopped."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)
