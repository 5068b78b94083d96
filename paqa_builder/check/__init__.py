"""Checks of finished data: :mod:`~paqa_builder.check.proof` verifies the questions of shards again,
:mod:`~paqa_builder.check.lint` finds defects in multiple-choice audio questions of any format.
"""
