-- unserved(job, seg, why, at) -> number of nodes: no worker provides what a queued segment needs. It keeps its place.
-- Reported again when the reason changes, because workers come and go. An empty reason: a worker provides it again.
local job, seg, why, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key = job_key(job)
local status = redis.call('HGET', key, 'status')
if not status or FINAL[status] or redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 1 then return 0 end
if redis.call('HEXISTS', DELAYED, lease_field(job, seg)) == 1 then return 0 end
local count = 0
for _, node in ipairs(open_nodes(job, seg)) do
  local state = redis.call('HGET', key, 'st:' .. node)
  local told = redis.call('HGET', key, 'un:' .. node)
  if why == '' then
    if state == 'waiting' and told then
      redis.call('HSET', key, 'st:' .. node, 'ready')
      redis.call('HDEL', key, 'un:' .. node)
      emit(job, 'node.ready', node, '{}', at)
      count = count + 1
    end
  elseif state == 'ready' or (state == 'waiting' and told and told ~= why) then
    redis.call('HSET', key, 'st:' .. node, 'waiting', 'un:' .. node, why)
    emit(job, 'node.waiting', node, why, at)
    count = count + 1
  end
end
return count
