"""Measured patterns: reading instrument files, and mapping patterns to the model's grid."""
