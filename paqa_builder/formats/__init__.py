"""Question formats that are read: shards of this project, PAQA, AVQA, MMAU, MMAR, AudioMCQ and JSON lines."""
