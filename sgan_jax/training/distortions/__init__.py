"""Physical distortions of patterns for augmentation, one cause per function.

Each `make_*` closes over the 2θ grid and the strength and returns a function of a key and patterns
[B, P] that draws anew for each pattern. All act on the patterns themselves, in a few passes over
the batch, so that they cost little compared with a training step, even on CPU.
"""
