"""The car: its mind, estimators, shield, resets, and how it learns what it is."""
