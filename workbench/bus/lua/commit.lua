-- commit(job, seg, fence, node, result, at, start data, content key, round) ->
--   OK | YIELD | AGAIN | FENCED | CANCELLED | WAIT | ROUND
-- Makes one node's result visible and advances the job; on the segment's last node the lease is freed. YIELD: the result
-- is visible, and the rest of this batch segment was returned because interactive work waits.
local job, seg, fence, node, result, at, data = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local content_key, seen = ARGV[8], ARGV[9]
local key = job_key(job)
local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'by:' .. node)
if state[3] == fence and state[2] == 'completed' then return 'AGAIN' end
if state[1] == 'cancelled' then return 'CANCELLED' end
if not holds(job, seg, fence) then return fenced(fence) end
if state[2] == 'completed' then return 'AGAIN' end -- under the fence of this lease before its worker adopted it
if FINAL[state[2] or 'failed'] then return 'FENCED' end
if not open_deployment() then return 'WAIT' end
if other_round(seen) then return 'ROUND' end

redis.call('HSET', key, 'rs:' .. node, result, 'by:' .. node, fence)
redis.call('HDEL', key, 'kn:' .. node)
if content_key ~= '' then remember(content_key, result) end
finish_node(job, node, 'completed', result, at)
local flight = redis.call('HGET', key, 'fl:' .. node) or content_key
if flight ~= '' then land(job, node, flight) end
return go_on(job, seg, data, at) and 'YIELD' or 'OK'
