"""The vocabulary: every fact the company records, one class each."""
