"""The state database's way from one version to the next; applied by ``bongsu.stores.database.upgrade``."""
