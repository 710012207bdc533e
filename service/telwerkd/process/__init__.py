"""What every process of a server needs: log format, garbage collector, signals, files, clock and tracing."""
