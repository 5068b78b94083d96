"""Question formats that are read: shards of this project, PAQA, AVQA, MMAU, MMAR and JSON lines."""
