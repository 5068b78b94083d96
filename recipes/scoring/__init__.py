"""Evaluation: answers of a model, their scores, benchmarks, tables and plots."""
