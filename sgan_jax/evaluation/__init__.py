"""Evaluation of trained models: metrics, calibration, robustness, reports and comparisons."""
