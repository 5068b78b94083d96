"""Transfer of files: download over HTTP, reading of remote ranges, unpacking of archives."""
