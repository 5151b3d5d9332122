"""Scoring of depth predictions: metrics, alignment, protocols, benchmarks."""
