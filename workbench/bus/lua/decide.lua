-- decide(job, node, decision, at) -> OK | AGAIN | FINAL | UNKNOWN
-- A person's decision, which SQL already has. It is kept until the node asks; a node that waits for it is woken. The first
-- decision is valid (SQL ensures that), and a second one changes nothing. Works in every phase, because the control plane
-- also delivers decisions to a bus that lost them.
local job, node, decision, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key = job_key(job)
local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'sg:' .. node, 'de:' .. node)
if not state[1] or not state[2] then return 'UNKNOWN' end
if FINAL[state[1]] or FINAL[state[2]] then return 'FINAL' end
if state[4] then return 'AGAIN' end
local waits = undecided(job, state[3])
redis.call('HSET', key, 'de:' .. node, decision)
if waits then
  emit(job, 'node.decided', node, decision, at)
  wake(job, state[3])
end
return 'OK'
