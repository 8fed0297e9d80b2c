"""`make bench`: what this project does, measured beside the tool that people would use instead.

It stands at the root because it is neither part of the product nor a test: it judges nothing, it only
measures. A part is a module of `parts` with a function `figures`; every figure holds our number and a peer's,
taken in the same run on the same site.
"""
