-- Before every script: this store is the one its caller knows, still has all its caller was told it has, and the caller
-- speaks through its newest link. What an older link sent and left behind does nothing.
-- KEYS[1]: the epoch. ARGV: its text, who asks, through which link, how many of its writes it knows of.
local LIVING = 5e6
local who = ARGV[2]
local seen = redis.call('HMGET', KEYS[1], 'id', 'link:' .. who, 'writes:' .. who)
if seen[1] ~= ARGV[1] or seen[2] ~= ARGV[3] or (tonumber(seen[3]) or -1) < tonumber(ARGV[4]) then
  return false
end
-- Microseconds since November 2023: near enough for a double to keep parts of them.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1e6 + time[2] - 1.7e15
end
-- Before the first write of a script: that fails whole where memory is full.
local function writing()
  return redis.call('HINCRBY', KEYS[1], 'writes:' .. who, 1)
end
