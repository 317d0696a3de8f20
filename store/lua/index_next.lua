-- For the only writer of an index: file what was decided last, then look the next entry up.
-- Follows index.lua. ARGV: window in ms, claims, the packed keys of the next entry.
-- Returns {story, print, minhash keys, headlines, founders under the shared url, ...}.
index_set_window(ARGV[1])
index_claim(cmsgpack.unpack(ARGV[2]))
local window = tonumber(ARGV[1])
return index_answer(ARGV[3], index_slices(now, window), now, window)
