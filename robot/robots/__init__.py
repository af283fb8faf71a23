"""The robots: a folder each, and the files that describe single ones."""
