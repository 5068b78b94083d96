"""Sound labels: the AudioSet ontology and the crosswalk from other vocabularies to it."""
