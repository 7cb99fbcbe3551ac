-- Entries nobody needs any more. KEYS: the epoch, the entries.
local writes = writing()
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return { writes }
