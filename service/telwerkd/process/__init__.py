"""What holds for each process of a server, whatever it does: its log lines, garbage collector and files."""
