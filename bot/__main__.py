"""`python -m bot` is the console script `rondan`."""

from bot.cli import main

main()
