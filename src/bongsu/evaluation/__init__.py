"""How well the checks do on labelled rows of yours: ``bongsu eval``.

``rows`` reads a file and says what is wrong with it, ``judges`` knows what each kind of check makes of a row,
``tally`` counts, ``spans`` counts places instead of rows, ``report`` shows it in words and ``picture`` as a curve.
"""
