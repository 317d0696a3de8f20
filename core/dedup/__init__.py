"""Which entries are one story.

`fingerprint` finds candidates (tokens, headline and numerals, idf, simhash); `decide` weighs them,
by `table` where the texts are kept (reading, compare, swaps) and by `prints` beyond; `merge` makes
stories of the decisions, `representative` says which copy is shown, `apart` takes merges back,
`curation` is a person's word, `account` explains.
"""
