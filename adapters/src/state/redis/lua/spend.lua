-- What was spent and nobody knew before; says how much it is now. KEYS: the epoch, the budgets. ARGV: from the fifth on amount and life of each.
local writes, told = writing(), {}
for i = 2, #KEYS do
  told[i - 1] = redis.call('INCRBY', KEYS[i], ARGV[2 * i + 1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 2])
end
return { writes, told }
