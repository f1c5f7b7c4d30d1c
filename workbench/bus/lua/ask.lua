-- ask(job, seg, fence, node, why it waits, at) -> {'OK', decision} | {'PARKED'} | {'FENCED'} | {'CANCELLED'} | {'WAIT'}
-- A node asks a person. If there is a decision, the node gets it; else its segment, of which it is the only node, waits
-- without a lease until `decide`. The attempt is refunded.
local job, seg, fence, node, why, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local key = job_key(job)
if redis.call('HGET', key, 'status') == 'cancelled' then return { 'CANCELLED' } end
if not holds(job, seg, fence) then return { fenced(fence) } end
if not open_deployment() then return { 'WAIT' } end
local decision = redis.call('HGET', key, 'de:' .. node)
if decision then return { 'OK', decision } end

redis.call('HINCRBY', key, 'at:' .. seg, -1)
free_lease(job, seg)
redis.call('HSET', key, 'as:' .. node, why, 'st:' .. node, 'waiting')
emit(job, 'node.waiting', node, why, at)
return { 'PARKED' }
