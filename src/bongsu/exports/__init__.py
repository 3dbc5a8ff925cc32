"""Who else reads us: a policy or its numbers in the form that another tool takes.

Every writer is pure: it is given a policy and returns text. What a form cannot say is not left out in silence; each
module has a function that lists it.
"""
