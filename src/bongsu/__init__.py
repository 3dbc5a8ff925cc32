"""bongsu: sees AI risk as it happens, prices it, acts on it, and proves what it did.

The story, in order. Each module may import only the modules above it; a test reads this list.

    quantity    durations, shares, money: parsed strictly, computed exactly
    split       a key and weights -> always the same name; a key and a share -> in the sample or not
    likeness    a text as 64 bits: two texts nearly alike differ in few of them; and as a cell of the space of words
    event       what happened: one immutable fact and its columns
    label       what was said of an event later: the newest counts, and takes the place of the one before
    review      what a person must look at: due when, decided by whom, and what that leads to
    prompt      a text as one of 32 cells, so that texts drift as categories do
    expression  a question asked of an event's columns: SQL, checked before it runs
    cell        events counted: key x base window -> integers; add, total, vector
    aggregate   what is counted of events, and what the sums show
    interval    how sure a count is: Wilson, Newcombe, chi-square
    tails       how likely an extreme is: Poisson, binomial, Student
    sampling    what a look at some calls says of all of them: weights, and an estimate of a total with its interval
    moments     how far numbers spread: sums of squares that stay exact, the interval of a mean and of a total
    joint       numbers together: directions through a reference, so that a relation that breaks is seen
    drift       cells compared: this window against a reference
    novelty     how much of a text is in words that a reference does not have
    season      which rhythm a series has: that of a week, of a day, or none
    ports       the shape of every outside part, all on one page
    support     whether a reply is true: how far it rests on something, who says so, and why nobody did
    overlap     findings of one place: all that is masked, and what it is read as
    guard       many findings -> one decision: allow, flag, tokenise, review, block
    period      rolling and calendar windows
    slo         cells judged: objective, error budget, burn rate, coverage
    composite   objectives of one service together: how many are kept, the worst, the weighted whole
    alert       conditions over time: pending, firing, clearing; hysteresis
    power       from how many events on a threshold can be proven
    canary      a new version against the one before it: more traffic, or none
    versions    which version of a route is live, which were, and the way back
    mute        windows and silences: who need not be told now
    notice      who is told, and when: groups, repeats, inhibition, escalation
    incident    alarm cause -> actions and their state -> residual risk
    postmortem  what one incident took of an error budget; whether it must be written up
    response    playbook + incident -> steps, holds, undo: the pure part of the durable engine
    gate        budgets + alerts + freezes -> allow, deny, inconclusive
    override    an exemption from the gate: asked for by one, approved by another, signed, and over at a time
    merkle      one root for a whole log; proofs that a record is in it, that it only grew
    checkpoint  a log's size and root, signed: the form every transparency log speaks
    audit       every decision as a leaf of a Merkle log; record, proof, verify
    engine      one tick: (plan, cells, state, now) -> (state, decisions)

Everything above is pure: no clock, no file, no socket, no randomness; ``now`` is an argument.
Below the line are the parts, one folder a family (``slis`` is pure too), and what wires them:

- ``policy``: a file, read whole into what all others need, or every fault with its place; ``packs`` are ready ones
- ``access``: who may call, how often, on whose account, and whom it is better to leave alone
- ``privacy``: what stands in for personal data
- ``web``: gateway, API, cockpit; ``room``: control, which counts, ticks, and carries out what was decided
- ``offline`` and ``evaluation``: the same judgement on files; ``language``: what people are told, in English and Korean
- ``host``: one machine's folder, keys and processes; ``app`` wires it all and owns the clock; ``cli`` and ``verbs`` ask
"""

__version__ = "0.1.0"
