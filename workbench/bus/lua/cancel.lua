-- cancel(job, at) -> OK | FINAL | UNKNOWN
-- After this no node starts and no result becomes visible; the leases are gone, and take drops the queue entries.
local job, at = ARGV[1], ARGV[2]
local key = job_key(job)
local status = redis.call('HGET', key, 'status')
if not status then return 'UNKNOWN' end
if FINAL[status] then return 'FINAL' end
redis.call('HSET', key, 'status', 'cancelled')
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local node = string.match(fields[i], '^st:(.+)$')
  if node and not FINAL[fields[i + 1]] then
    redis.call('HSET', key, fields[i], 'cancelled')
    emit(job, 'node.cancelled', node, '{}', at)
  end
  local seg = string.match(fields[i], '^nodes:(.+)$')
  if seg then
    free_lease(job, seg)
    redis.call('HDEL', DELAYED, lease_field(job, seg))
  end
end
for i = 1, #fields, 2 do
  local node = string.match(fields[i], '^fl:(.+)$')
  if node then pass_on(job, node) end
end
redis.call('HSET', key, 'open', 0)
emit(job, 'job.cancelled', '', '{}', at)
redis.call('PUBLISH', B .. ':cancelled', job)
return 'OK'
