"""Options of the question stage: earlier names of thresholds."""

from __future__ import annotations

from paqa_builder.questions import QaOptions

OLD = {"together": 0.9, "apart": 0.3, "again": 2.0}
NEW = {"min_overlap": 0.9, "min_gap": 0.3, "min_pause": 2.0}


def test_earlier_names_of_thresholds_are_read_and_new_ones_written() -> None:
    options = QaOptions.model_validate({"thresholds": OLD})
    assert options == QaOptions.model_validate({"thresholds": NEW})
    dumped = options.model_dump()["thresholds"]
    assert NEW.items() <= dumped.items()
    assert not OLD.keys() & dumped.keys()
    assert QaOptions.model_validate(options.model_dump()) == options
