"""Answers for measured patterns: file formats, and the way to the model's grid."""
