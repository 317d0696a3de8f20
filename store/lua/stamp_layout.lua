-- Write a layout's version, if the lock of the migration is still ours.
-- KEYS: layout, lock. ARGV: version, our token.
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('SET', KEYS[1], ARGV[1]) end
