-- ARGV[6]: the root.
return { 0, redis.call('GET', labels(ARGV[6])) or '0' }
