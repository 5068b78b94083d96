"""Trainers of both stages, and the selection of questions for stage II."""
