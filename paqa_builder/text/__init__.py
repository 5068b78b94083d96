"""Text for people: without secrets, without control characters, on the terminal."""
