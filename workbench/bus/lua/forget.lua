-- forget(job) -> OK | UNKNOWN: the job has ended in SQL and this bus has lost its end, or it was deleted in SQL.
local job = ARGV[1]
local key = job_key(job)
if redis.call('EXISTS', key) == 0 then
  redis.call('DEL', events_key(job), progress_key(job)) -- watchers of a recorded job may still read these for a while
  return 'UNKNOWN'
end
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local node = string.match(fields[i], '^fl:(.+)$')
  if node then pass_on(job, node) end
  local seg = string.match(fields[i], '^nodes:(.+)$')
  if seg then
    free_lease(job, seg)
    redis.call('HDEL', DELAYED, lease_field(job, seg))
  end
end
redis.call('DEL', key, events_key(job), progress_key(job))
return 'OK'
