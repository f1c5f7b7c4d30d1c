-- claim(job, seg, fence, node, content key, computation, look "1" or "0", park "1" or "0", at, why it waits) ->
--   {'OK'} | {'KNOWN', result} | {'PARKED'} | {'BUSY'} | {'FENCED'} | {'CANCELLED'} | {'WAIT'}
-- Before a node is computed: its result may be cached (KNOWN); another node may compute it, then the segment waits without
-- a lease (PARKED) or, if it must not be parked, its executor asks again (BUSY); else this node computes it.
-- The content key is empty if inputs come in parts; then only the computation has a key.
local job, seg, fence, node, content_key, computation, look, park, at, why =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local key = job_key(job)
if redis.call('HGET', key, 'status') == 'cancelled' then return { 'CANCELLED' } end
if not holds(job, seg, fence) then return { fenced(fence) } end
if not open_deployment() then return { 'WAIT' } end

local known = look == '1' and content_key ~= '' and redis.call('HGET', COMPUTED, content_key)
if known then
  redis.call('HSET', key, 'kn:' .. node, known) -- until the commit, this is the only reference to its artifacts
  return { 'KNOWN', known }
end

local own = flight_name(job, seg, node)
local other = redis.call('HGET', FLIGHTS, computation)
if other and other ~= own then
  local its_job, its_seg, its_node = string.match(other, '^(.*)/([^/]*)/([^/]*)$')
  local state = redis.call('HMGET', job_key(its_job), 'status', 'st:' .. its_node, 'lane')
  if state[1] and not FINAL[state[1]] and not FINAL[state[2]] then
    if park ~= '1' then return { 'BUSY' } end
    redis.call('RPUSH', waiters_key(computation), own)
    redis.call('HINCRBY', key, 'at:' .. seg, -1)
    unmark_running(job, seg)
    free_lease(job, seg)
    redis.call('HSET', key, 'st:' .. node, 'waiting')
    emit(job, 'node.waiting', node, why, at)
    -- An interactive job waits for a batch computation that is still queued: it goes first now.
    local idle = redis.call('HEXISTS', LEASES, lease_field(its_job, its_seg)) == 0
    if idle and state[3] == 'batch' and redis.call('HGET', key, 'lane') ~= 'batch'
        and redis.call('HEXISTS', DELAYED, lease_field(its_job, its_seg)) == 0 then
      enqueue(its_job, its_seg, 'front')
    end
    return { 'PARKED' }
  end
end
redis.call('HSET', FLIGHTS, computation, own)
redis.call('HSET', key, 'fl:' .. node, computation)
return { 'OK' }
