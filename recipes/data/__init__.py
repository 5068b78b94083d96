"""Rows, prompts and audio of training and evaluation, and their batches."""
