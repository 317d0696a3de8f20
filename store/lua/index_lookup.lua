-- Candidates of many entries. Follows index.lua.
-- ARGV[1]: window in ms; each further argument: the packed keys of one entry.
-- Returns for each entry {story, print, anchors, headlines, founders under the shared url, ...}.
index_set_window(ARGV[1])
local answer, now, window = {}, index_now(), tonumber(ARGV[1])
for i = 2, #ARGV do answer[#answer + 1] = index_answer(ARGV[i], now, window) end
return answer
