"""The SQLite adapter: a file, and the process that writes to it.

`store` is the application's port. It reads on connections of its own, and writes through `writer.process`, which starts
the writer process (`writer.launch`) and sends it `writer.messages`; in that process `writer.main` passes them to
`writer.connection`, the one connection that writes. Command-line programs use that connection in a thread.
"""
