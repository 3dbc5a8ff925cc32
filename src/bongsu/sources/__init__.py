"""Where events come from: the gateways' spools, and files of past traffic that are replayed."""
