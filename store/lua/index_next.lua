-- For the only writer of an index: file what was decided last, then look the next entry up.
-- Follows index.lua. ARGV[1]: window in ms; ARGV[2]: claims as JSON, the binary parts they point to
-- from the fourth argument on; ARGV[3]: the packed keys of the next entry.
-- Returns {story, print, anchors, headlines, founders under the shared url, ...}.
index_set_window(ARGV[1])
index_claim(cjson.decode(ARGV[2]))
local now, window = index_now(), tonumber(ARGV[1])
return index_answer(ARGV[3], index_slices(now, window), now, window)
