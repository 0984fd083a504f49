"""Real servers for the tests: installed and started under `var/services`, on loopback, on free ports.

`python -m tools.services up|down|status|env [NAME...]`. Which ones, and which versions: `catalogue.py` and `versions.py`.
"""
