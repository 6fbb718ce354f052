"""From texts and numbers to what a digest says. Pure: data in, data out; no database, no network."""

import os

# Before numpy is first imported: its own threads spin on a busy machine (an embedding took 80 ms instead of 1), and
# sums must not depend on how many there are.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
