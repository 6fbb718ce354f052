"""Nothing lost, nothing twice: the real program under faults, and the servers' truth beside its rows at the end.

`python -m tests.chaos --help`; `make chaos` is the short form. What a run does comes from its seed, which it prints;
what the machine's timing makes of it does not.
"""
