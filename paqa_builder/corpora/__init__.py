"""Corpora: download and unpacking of the official archives, and the folder in which a build finds them."""
