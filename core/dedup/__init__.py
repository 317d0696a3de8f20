"""Which entries are one story.

`fingerprint` finds candidates (tokens, headline, idf, simhash); `decide` weighs them, by `table`
where the texts are kept (copy, compare, swaps) and by `prints` beyond; `merge` makes stories of the
decisions, `representative` chooses the copy that is shown, `split` takes merges back, `account`
explains.
"""
