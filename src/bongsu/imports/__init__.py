"""Other tools' promises as a policy: read strictly, with every key either honoured, kept as a comment, or refused.

The result is the text of a policy, to be read, completed and owned by a person. Signals here are SQL over events, so a
document's Prometheus queries cannot be counted; they are kept as comments, and the document must say in SQL what is
bad (and out of what) in its annotations. Nothing is dropped in silence.
"""
