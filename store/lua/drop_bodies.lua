-- Write entries back without their bodies. One that ran out meanwhile must not come back; an address
-- may have other entries that are still shown, so only one that has no other ends with its entry.
-- KEYS: entries. ARGV: seconds to live, then for each its document and the keys of its addresses.
for i, entry in ipairs(KEYS) do
  if redis.call('HEXISTS', entry, 'doc') == 1 then
    redis.call('HSET', entry, 'doc', ARGV[2 * i])
    redis.call('HDEL', entry, 'article')
    redis.call('EXPIRE', entry, ARGV[1], 'LT')
    for url in ARGV[2 * i + 1]:gmatch('%S+') do
      if redis.call('ZCARD', url) == 1 then redis.call('EXPIRE', url, ARGV[1], 'LT') end
    end
  end
end
