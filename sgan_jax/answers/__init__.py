"""Predictions for measured patterns: lattice, space group, and how certain the model is."""
