"""Answers for measured patterns: which lattice, which space group, and how sure the model is."""
