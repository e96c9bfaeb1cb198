"""What else a crystal's pattern could have looked like: one physical cause a function.

Each `make_*` closes over the 2θ grid and the strength and returns a function of a key and patterns
[B, P] that draws anew for each pattern. All work on the patterns themselves, in a few passes over
the batch, so that they cost little beside a training step, on CPU too.
"""
