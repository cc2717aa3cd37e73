"""From a few sample URLs or files to a first recipe: what in their names varies, how, and what the files hold.

::

    samples ─▶ alignment ─▶ moments (dates) ─▶ cadence (steps) ─▶ keys ─▶ guess ─▶ evidence (files opened) ─▶ document

Names are explained first, without opening anything; every guess is tested by expanding the pattern again: it must give
back each sample. What the samples cannot tell is named, with the choice that was made.
"""
