"""What a response may do, and undo. One action a file, one line here."""

ACTIONS = {
    "notify": "bongsu.actions.notify:Notify",
    "route": "bongsu.actions.route:Route",
    "block": "bongsu.actions.block:Block",
    "rollback": "bongsu.actions.rollback:Rollback",
    "restrict": "bongsu.actions.restrict:Restrict",
    "freeze": "bongsu.actions.freeze:Freeze",
}
