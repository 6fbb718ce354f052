"""Discord, by discord.py: its gateway, cache and REST client; payloads and events are the platform's own JSON."""
