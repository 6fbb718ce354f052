"""`rondan run` as it is, but for leases that end soon and a gateway that need not be waited for."""

from __future__ import annotations

import sys

from bot import cli, roles
from bot.platforms.discord import client

roles.BEAT, roles.LEASE, roles.MARGIN = 0.2, 3.0, 1.0
client.IDENTIFY_EVERY, client.GUILDS_WITHIN = 0.05, 0.1

sys.argv = ["rondan", "run"]
cli.main()
