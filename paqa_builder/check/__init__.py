"""Checks of finished data: :mod:`~paqa_builder.check.proof` proves shards of this project again,
:mod:`~paqa_builder.check.lint` finds faults in multiple-choice audio questions of any format.
"""
