"""The verbs that ``cli`` does not hold itself, and what all verbs share: console, client of the control port."""
