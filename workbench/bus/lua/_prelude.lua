-- Shared by every script. KEYS[1] is the bench's prefix, a hash tag such as "{bench}"; every other key is built from it.
-- Scripts keep opaque fields and counters: no JSON is decoded here. They validate first and write last.
--
-- Fields of a job's hash:
--   status, open (nodes not final), seq (last event), failures (unhandled), first_failure, lane
--   st:<node> status   pe:<node> parents not final   fi:<node> edges fired   sg:<node> segment
--   ki:<node> children "id kind;…"   mx:<node> max attempts   rs:<node> result   by:<node> fence of the commit
--   pn:<node> number of parts   pt:<node>:<i> part
--   nodes:<seg> ids   spec:<seg>   needs:<seg> ids   ext:<seg> edges from outside not final   pool:<seg>   at:<seg> attempt
local B = KEYS[1]
local META, LEASES, OUTBOX = B .. ':meta', B .. ':leases', B .. ':outbox'

local function job_key(job) return B .. ':job:' .. job end
local function events_key(job) return B .. ':events:' .. job end
local function progress_key(job) return B .. ':progress:' .. job end
local function queue_key(pool, lane) return B .. ':queue:' .. pool .. ':' .. lane end
local function wake_key(pool) return B .. ':wake:' .. pool end
local function lease_field(job, seg) return job .. '/' .. seg end

local FINAL = { completed = true, failed = true, skipped = true, cancelled = true }

local function words(text)
  local out = {}
  for word in string.gmatch(text or '', '[^ ]+') do out[#out + 1] = word end
  return out
end

local function open_bench() return redis.call('HGET', META, 'phase') == 'open' end
local function epoch() return redis.call('HGET', META, 'epoch') or '0' end

-- A lease's value is "<epoch>:<n> <beats> <worker>"; the fence is its first word.
local function fence_of(lease) return lease and string.match(lease, '^[^ ]+') or nil end

-- A fence of an earlier epoch holds nothing until its worker has presented it (adopt).
local function holds(job, seg, fence)
  return string.match(fence, '^%d+') == epoch()
    and fence_of(redis.call('HGET', LEASES, lease_field(job, seg)) or nil) == fence
end

-- What to answer where a fence does not hold. WAIT: the bus lost its memory or was taken over since the lease was given,
-- and its worker can present it (adopt) until the bench is open.
local function fenced(fence)
  local of_the_past = string.match(fence, '^%d+') ~= epoch()
  return of_the_past and not open_bench() and 'WAIT' or 'FENCED'
end

local function emit(job, type, node, data, at)
  local seq = redis.call('HINCRBY', job_key(job), 'seq', 1)
  local id = epoch() .. '-' .. string.format('%.0f', seq)
  redis.call('XADD', events_key(job), id, 't', type, 'n', node, 'd', data, 'a', at)
  redis.call('XADD', OUTBOX, '*', 'j', job, 'i', id, 't', type, 'n', node, 'd', data, 'a', at)
end

local function enqueue(job, seg, lane)
  local pool = redis.call('HGET', job_key(job), 'pool:' .. seg)
  redis.call('XADD', queue_key(pool, lane), '*', 'j', job, 's', seg)
  redis.call('RPUSH', wake_key(pool), '1')
  redis.call('LTRIM', wake_key(pool), 0, 63)
end

local function open_nodes(job, seg)
  local key, out = job_key(job), {}
  for _, node in ipairs(words(redis.call('HGET', key, 'nodes:' .. seg) or '')) do
    if not FINAL[redis.call('HGET', key, 'st:' .. node)] then out[#out + 1] = node end
  end
  return out
end

-- Nodes of a leased segment that nothing holds back are what its executor is on.
local function mark_running(job, seg, data, at)
  local key = job_key(job)
  for _, node in ipairs(open_nodes(job, seg)) do
    local state = redis.call('HMGET', key, 'st:' .. node, 'pe:' .. node, 'fi:' .. node)
    if state[1] ~= 'running' and tonumber(state[2]) == 0 and tonumber(state[3]) > 0 then
      redis.call('HSET', key, 'st:' .. node, 'running')
      emit(job, 'node.running', node, data, at)
    end
  end
end

local function unmark_running(job, seg)
  local key = job_key(job)
  for _, node in ipairs(open_nodes(job, seg)) do
    if redis.call('HGET', key, 'st:' .. node) == 'running' then redis.call('HSET', key, 'st:' .. node, 'ready') end
  end
end

local function free_lease(job, seg)
  redis.call('HDEL', LEASES, lease_field(job, seg))
end

local function finish_job(job, at)
  local key = job_key(job)
  local state = redis.call('HMGET', key, 'status', 'open', 'failures', 'first_failure')
  if FINAL[state[1]] or tonumber(state[2]) > 0 then return end
  local status = tonumber(state[3] or '0') > 0 and 'failed' or 'completed'
  redis.call('HSET', key, 'status', status)
  emit(job, 'job.' .. status, status == 'failed' and state[4] or '', '{}', at)
end

local function fires(kind, status)
  if kind == 'on_failure' then return status == 'failed' end
  return status == 'completed'
end

-- A node became final: count down its children, skip those that nothing reaches, enqueue segments that are free to run.
-- Iterative, because a cascade may be as long as the graph.
local function finish_node(job, node, status, data, at)
  local key, todo, ready = job_key(job), { { node, status, data } }, {}
  local i = 1
  while todo[i] do
    local id, final, payload = todo[i][1], todo[i][2], todo[i][3]
    i = i + 1
    redis.call('HSET', key, 'st:' .. id, final)
    redis.call('HINCRBY', key, 'open', -1)
    emit(job, 'node.' .. final, id, payload, at)
    local seg = redis.call('HGET', key, 'sg:' .. id)
    local handled = false
    for child, kind in string.gmatch(redis.call('HGET', key, 'ki:' .. id) or '', '([^ ;]+) ([^ ;]+)') do
      local fired = fires(kind, final)
      if fired then
        redis.call('HINCRBY', key, 'fi:' .. child, 1)
        if final == 'failed' then handled = true end
      end
      local pending = redis.call('HINCRBY', key, 'pe:' .. child, -1)
      local child_seg = redis.call('HGET', key, 'sg:' .. child)
      local child_open = not FINAL[redis.call('HGET', key, 'st:' .. child)]
      if child_open and pending == 0 and tonumber(redis.call('HGET', key, 'fi:' .. child)) == 0 then
        todo[#todo + 1] = { child, 'skipped', '{}' }
      end
      if child_seg ~= seg and redis.call('HINCRBY', key, 'ext:' .. child_seg, -1) == 0 then
        ready[#ready + 1] = child_seg
      end
    end
    if final == 'failed' and not handled then
      if redis.call('HINCRBY', key, 'failures', 1) == 1 then redis.call('HSET', key, 'first_failure', id) end
    end
  end
  local lane = redis.call('HGET', key, 'lane')
  for _, seg in ipairs(ready) do
    local left = open_nodes(job, seg)
    if #left > 0 then
      for _, id in ipairs(left) do
        if tonumber(redis.call('HGET', key, 'pe:' .. id)) == 0 then redis.call('HSET', key, 'st:' .. id, 'ready') end
      end
      enqueue(job, seg, lane)
    end
  end
  finish_job(job, at)
end

-- Behind a node that became final under its lease: the executor is on the next ones, each on its first attempt; without
-- any, the lease is free.
local function go_on(job, seg, data, at)
  if #open_nodes(job, seg) == 0 then
    free_lease(job, seg)
  else
    redis.call('HSET', job_key(job), 'at:' .. seg, 1)
    mark_running(job, seg, data, at)
  end
end
