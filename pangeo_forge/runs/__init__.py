"""plan, dry-run and run as functions: what the command line, notebooks and the bot call.

All of them walk the same path (pattern, fetch, scan, combine, plan, write, verify) and stop at different points.
"""
