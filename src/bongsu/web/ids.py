"""Names of calls are made as all ids are."""

from bongsu.ids import ulids

__all__ = ["ulids"]
