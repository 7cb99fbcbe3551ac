-- ARGV[6]: its id, ARGV[7]: labels. A task nobody has put has no tree to touch.
local root = redis.call('HGET', task(ARGV[6]), 'root')
if not root then return { 0, -1 } end
local writes = writing()
return { writes, mark(root, tonumber(ARGV[7]), redis.call('TTL', task(ARGV[6]))) }
