"""Decide which entries belong to one story.

`fingerprint` provides the keys to find candidates (tokens, headline, idf, simhash). `decide`
compares an entry with them: by `table` if the texts are stored (copy, compare, swaps), else by
`prints`. `merge` turns decisions into stories. `members` selects the published member and lets
members leave.
"""
