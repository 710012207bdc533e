"""The Telwerk client: send live-chat events, read exact KPIs."""
