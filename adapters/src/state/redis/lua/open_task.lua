-- ARGV[6]: its name or nothing; then id, root, parent or nothing, record, labels, used, deadline, idle.
local name, id, root, parent = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local writes = writing()
if name ~= '' then
  name = base .. 'n:' .. name
  local other = redis.call('GET', name)
  if other and other ~= id then
    local there = tale(other)
    if there and there[4] ~= '' and not there[9] then return { writes, there } end
  end
end
local life = stay(ARGV[13])
local f = redis.call('HMGET', task(id), 'used', 'deadline', 'end', 'record')
if f[3] then
  local told = tale(id)
  -- An end came before what ended: its teller knows what it was.
  if not f[4] then told[2], told[3], told[4] = root, parent, ARGV[10] end
  return { writes, told }
end
redis.call('HSET', task(id), 'root', root, 'parent', parent, 'record', ARGV[10], 'idle', ARGV[14],
  'used', string.format('%.0f', math.max(tonumber(f[1]) or 0, tonumber(ARGV[12]))),
  'deadline', string.format('%.0f', math.max(tonumber(f[2]) or 0, tonumber(ARGV[13]))))
redis.call('EXPIRE', task(id), life)
if name ~= '' then
  redis.call('HSET', task(id), 'name', name)
  redis.call('SET', name, id, 'EX', life)
end
mark(root, tonumber(ARGV[11]), life)
if parent ~= '' then
  local over = redis.call('HGET', task(parent), 'end')
  if over then
    finish(id, over)
  else
    redis.call('SADD', children(parent), id)
    redis.call('EXPIRE', children(parent), math.max(life, redis.call('TTL', children(parent))))
  end
end
return { writes, tale(id) }
