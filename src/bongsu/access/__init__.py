"""Who may call, how often, and on whose account: keys, limits, budgets, restrictions, prices."""
