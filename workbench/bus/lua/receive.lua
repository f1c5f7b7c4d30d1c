-- receive(job, seg, fence, node, producer, index, at, why it waits, its cost so far; '' to look only) ->
--   {'PARTS', key of the producer's computation or '', cost before, part, …} | {'END', its result, cost before} |
--   {'PARKED'} | {'OK'}: none yet, the lease stays | {'FENCED'} | {'CANCELLED'} | {'WAIT'}
-- The next parts of a producer's output for a node that takes it in parts, because a node that starts again passes over
-- many; of a completed producer at once the whole. If there is none yet, the segment waits without a lease until there is
-- one; the attempt is refunded, and what the node has cost and reported is kept for its next take.
local job, seg, fence, node, producer, index = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local at, why, so_far = ARGV[7], ARGV[8], ARGV[9]
local key, MOST = job_key(job), 200
if redis.call('HGET', key, 'status') == 'cancelled' then return { 'CANCELLED' } end
if not holds(job, seg, fence) then return { fenced(fence) } end
if not open_deployment() then return { 'WAIT' } end
local state = redis.call('HMGET', key, 'st:' .. producer, 'rs:' .. producer, 'pn:' .. producer, 'fl:' .. producer, 'sf:' .. node)
local parts, completed = tonumber(state[3] or '0'), state[1] == 'completed'
if index < parts and not (completed and index == 0) then
  local fields = {}
  for i = index, math.min(parts, index + MOST) - 1 do fields[#fields + 1] = 'pt:' .. producer .. ':' .. i end
  return { 'PARTS', state[4] or '', state[5] or '', unpack(redis.call('HMGET', key, unpack(fields))) }
end
if completed then return { 'END', state[2], state[5] or '' } end
if so_far == '' then return { 'OK' } end

redis.call('HINCRBY', key, 'at:' .. seg, -1)
unmark_running(job, seg)
free_lease(job, seg)
redis.call('HSET', key, 'st:' .. node, 'waiting', 'aw:' .. node, producer, 'sf:' .. node, so_far)
emit(job, 'node.waiting', node, why, at)
return { 'PARKED' }
