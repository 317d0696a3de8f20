-- Candidates of many entries. Follows index.lua.
-- ARGV[1]: window in ms; each further argument: the packed keys of one entry.
-- Returns for each entry {story, print, anchors, headlines, founders under the shared url, ...}.
if redis.call('GET', INDEX .. 'window') ~= ARGV[1] then
  redis.call('SET', INDEX .. 'window', ARGV[1])
end
local answer, now, window = {}, index_now(), tonumber(ARGV[1])
for i = 2, #ARGV do
  local flat = {}
  for _, met in ipairs(index_find(ARGV[i], now, window)) do
    flat[#flat + 1] = met.story
    flat[#flat + 1] = met.print
    flat[#flat + 1] = string.char(math.min(met.a, 255), math.min(met.h, 255), math.min(met.u, 255))
  end
  answer[#answer + 1] = flat
end
return answer
