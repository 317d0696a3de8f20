-- What a decision on many entries starts from. Follows index.lua.
-- ARGV[1]: window in ms; then for each entry its id and its packed keys.
-- Returns the time in ms and where the index stands, then for each entry the story in which it stood
-- before a wipe, or '', and {story, print, minhash keys, headlines, founders under the shared url, ...}.
index_set_window(ARGV[1])
local window, names = tonumber(ARGV[1]), key('names')
local slices = index_slices(now, window)
local answer, named = {now, index_mark()}, redis.call('EXISTS', names) == 1
for i = 2, #ARGV, 2 do
  answer[#answer + 1] = named and redis.call('HGET', names, ARGV[i]) or ''
  answer[#answer + 1] = index_answer(ARGV[i + 1], slices, now, window)
end
return answer
