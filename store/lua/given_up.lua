-- Remember for a day that deliveries to a host were given up.
-- KEYS: given_up hash.  ARGV: host, how many, why, seconds, most hosts.
-- Returns 1 for the first of this host, else 0.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
local count = known and cjson.decode(known).count or 0
redis.call('HSET', KEYS[1], ARGV[1],
  cjson.encode({ count = count + ARGV[2], reason = ARGV[3], last = tonumber(time[1]) }))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return known and 0 or 1
