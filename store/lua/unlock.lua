-- Give a lock back, if it is still ours. KEYS: lock. ARGV: our token.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
