"""What is in a folder of feedback: numbers, a table, and a page."""
