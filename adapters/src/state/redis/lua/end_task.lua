-- ARGV[6]: its id, ARGV[7]: how it ended, ARGV[8]: the time now where it is to end only when idle.
local id = ARGV[6]
if ARGV[8] ~= '' then
  local f = redis.call('HMGET', task(id), 'used', 'idle', 'end')
  if not f[1] or f[3] then return { 0, f[3] and 1 or 0 } end
  if tonumber(f[1]) + tonumber(f[2]) > tonumber(ARGV[8]) then return { 0, 0 } end
end
local writes = writing()
finish(id, ARGV[7])
return { writes, 1 }
