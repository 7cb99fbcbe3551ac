-- ARGV[6]: the message.
local writes = writing()
tell('S' .. ARGV[6])
return { writes }
