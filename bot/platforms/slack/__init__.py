"""Slack, by slack-bolt: its envelopes and acknowledgements; payloads and events are the platform's own JSON."""
