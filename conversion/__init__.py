"""Conversion between the official checkpoints, transformers and exported formats."""
