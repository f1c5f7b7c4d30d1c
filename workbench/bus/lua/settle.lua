-- settle(job, node, result, content key, at) -> OK | MOVED
-- SQL knows a result that this bus has lost. Only before the grace, so that nobody can present or start the node first.
local job, node, result, content_key, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = job_key(job)
local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'sg:' .. node)
if redis.call('HGET', META, 'phase') ~= 'recall' then return 'MOVED' end
if not state[1] or FINAL[state[1]] or not state[2] or FINAL[state[2]] then return 'MOVED' end
redis.call('HSET', key, 'rs:' .. node, result)
if content_key ~= '' then remember(content_key, result) end
finish_node(job, node, 'completed', result, at, true)
local flight = redis.call('HGET', key, 'fl:' .. node) or content_key
if flight ~= '' then land(job, node, flight) end
if #open_nodes(job, state[3]) == 0 then free_lease(job, state[3]) end
return 'OK'
