"""Turns what chat platforms send to their webhooks into the events of Telwerk.

`app` receives, checks and sends; each platform is one file (`chatwoot`), which knows how its webhooks are signed and
what they mean. A new one is such a file, and a line in `app.PLATFORMS`.
"""
