"""Trainers of both stages and what they practise on."""
