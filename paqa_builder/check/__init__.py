"""Finished data, looked at again: :mod:`~paqa_builder.check.proof` proves our own shards anew,
:mod:`~paqa_builder.check.lint` finds what is wrong with anybody's multiple-choice audio questions.
"""
