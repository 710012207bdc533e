"""Turns what chat platforms send to their webhooks into the events of Telwerk.

    app, receiving     receive deliveries and answer once what they mean is durable
    chatwoot           how a platform's webhooks are signed, and what each tells, as observations
    story, register    what follows from the observations of a conversation
    inbox, forwarding  keep it on disk, and send it until Telwerk has acknowledged it
    config, cli        what a bridge is told, and its commands
    chatwoot_history, chatwoot_api, importing, progress   past conversations, and where an import is

A new platform is a file like `chatwoot`, and its entry in `config`.
"""
