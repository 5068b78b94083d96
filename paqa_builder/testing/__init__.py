"""Test helpers for authors of plugins: the contracts of backends and sources, and synthetic audio.

In the tests of a plugin::

    from paqa_builder.testing import check_backend, check_source
    from my_plugin import MyTagger

    def test_contract():
        check_backend(MyTagger)

    def test_listing():
        check_source("my_corpus.py", "tests/data/small_corpus")
"""

from paqa_builder.testing.backends import check_backend, hear
from paqa_builder.testing.sources import check_source
from paqa_builder.testing.synthetic import murmur, tone_scene, write_tones

__all__ = ["check_backend", "check_source", "hear", "murmur", "tone_scene", "write_tones"]
