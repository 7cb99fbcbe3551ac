-- KEYS: the epoch, the living, the withdrawn.
local writes = writing()
redis.call('ZREM', KEYS[2], who .. '.' .. ARGV[3])
redis.call('HDEL', KEYS[3], who)
return { writes }
