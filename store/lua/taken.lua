-- Count entries whose pages were read for their source; not for one that was removed meanwhile.
-- KEYS: sources. ARGV: for each of them entries, founders and reposts.
for i, key in ipairs(KEYS) do
  if redis.call('HEXISTS', key, 'state') == 1 then
    for j, field in ipairs({ 'page_entries', 'page_founders', 'page_reposts' }) do
      local by = tonumber(ARGV[3 * (i - 1) + j])
      if by > 0 then redis.call('HINCRBY', key, field, by) end
    end
  end
end
