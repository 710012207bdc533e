"""What is measured, a file for each subject; each gives lines for the table."""
