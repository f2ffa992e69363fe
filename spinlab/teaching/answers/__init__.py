"""Answers of the exercises, chapter by chapter."""
