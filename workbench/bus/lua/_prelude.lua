#!lua
-- Shared by all scripts. KEYS[1] is the deployment's prefix, a hash tag such as "{bench}"; all other keys are built from it.
-- Because of the first line, a server in cluster mode refuses a script that uses another slot.
-- Scripts store opaque fields and counters and decode no JSON. They validate first and write last.
--
-- Fields of a job's hash:
--   status, open (nodes not final), seq (last event), failures (unhandled), first_failure, lane
--   st:<node> status   pe:<node> parents not final   fi:<node> edges fired   sg:<node> segment
--   ki:<node> children "id kind;…"   mx:<node> max attempts   rs:<node> result   by:<node> fence of the commit
--   pn:<node> number of parts   pt:<node>:<i> part   rm:<node> how often its lost inputs were computed again
--   fl:<node> content key that this node computes for all waiting nodes   kn:<node> cached result that its worker received
--   nodes:<seg> ids   spec:<seg>   needs:<seg> ids   ext:<seg> outside edges not final   pool:<seg>   at:<seg> attempt
--   rq:<seg> services a worker must provide   rf:<seg> attempts refunded   un:<node> last reported reason why unserved
--   ap:<seg> its node that asks a person   as:<node> its question   de:<node> the person's decision
--   so:<node> nodes that take its output in parts   si:<node> nodes whose output it takes in parts
--   aw:<node> the node whose next part it waits for   sf:<node> what it had cost and reported when it last did
local B = KEYS[1]
local META, LEASES, OUTBOX = B .. ':meta', B .. ':leases', B .. ':outbox'
local COMPUTED, FLIGHTS, DELAYED, HELD = B .. ':computed', B .. ':flights', B .. ':delayed', B .. ':held'

local function job_key(job) return B .. ':job:' .. job end
local function events_key(job) return B .. ':events:' .. job end
local function progress_key(job) return B .. ':progress:' .. job end
local function queue_key(pool, lane) return B .. ':queue:' .. pool .. ':' .. lane end
local function wake_key(pool) return B .. ':wake:' .. pool end
local function waiters_key(content_key) return B .. ':waiters:' .. content_key end
local function lease_field(job, seg) return job .. '/' .. seg end

local FINAL = { completed = true, failed = true, skipped = true, cancelled = true }

local function open_deployment() return redis.call('HGET', META, 'phase') == 'open' end
local function epoch() return redis.call('HGET', META, 'epoch') or '0' end

-- Unreferenced bytes of artifacts are removed in rounds (open_round). A worker queries the round before it stores bytes,
-- and sends it with the commit or part that refers to them. If the round differs, the bytes may have been removed.
local ROUND = B .. ':round'
local function round() return epoch() .. ':' .. (redis.call('GET', ROUND) or '0') end
local function removing() return redis.call('EXISTS', ROUND .. ':open') == 1 end
local function other_round(seen) return seen ~= '' and (seen ~= round() or removing()) end

local function words(text)
  local out = {}
  for word in string.gmatch(text or '', '[^ ]+') do out[#out + 1] = word end
  return out
end

-- A lease's value is "<epoch>:<n> <beats> <worker>"; the fence is its first word.
local function fence_of(lease) return lease and string.match(lease, '^[^ ]+') or nil end

-- A fence of an earlier epoch is not valid until its worker has presented it (adopt).
local function holds(job, seg, fence)
  return string.match(fence, '^%d+') == epoch()
    and fence_of(redis.call('HGET', LEASES, lease_field(job, seg)) or nil) == fence
end

-- The result for a fence that is not valid. WAIT: the bus lost its memory or was taken over after the lease was granted,
-- and its worker can present it (adopt) until the deployment is open.
local function fenced(fence)
  local of_the_past = string.match(fence, '^%d+') ~= epoch()
  return of_the_past and not open_deployment() and 'WAIT' or 'FENCED'
end

-- recorded: SQL already has the event, and only watchers need it again.
local function emit(job, type, node, data, at, recorded)
  local seq = redis.call('HINCRBY', job_key(job), 'seq', 1)
  local id = epoch() .. '-' .. string.format('%.0f', seq)
  redis.call('XADD', events_key(job), id, 't', type, 'n', node, 'd', data, 'a', at)
  if not recorded then redis.call('XADD', OUTBOX, '*', 'j', job, 'i', id, 't', type, 'n', node, 'd', data, 'a', at) end
end

local function enqueue(job, seg, lane)
  local pool = redis.call('HGET', job_key(job), 'pool:' .. seg)
  redis.call('XADD', queue_key(pool, lane), '*', 'j', job, 's', seg)
  redis.call('RPUSH', wake_key(pool), '1')
  redis.call('LTRIM', wake_key(pool), 0, 63)
end

-- Returned and woken segments go before all others of their own kind; batch segments never go before interactive ones.
local function enqueue_first(job, seg)
  enqueue(job, seg, redis.call('HGET', job_key(job), 'lane') == 'batch' and 'batch_front' or 'front')
end

local function open_nodes(job, seg)
  local key, out = job_key(job), {}
  local nodes = words(redis.call('HGET', key, 'nodes:' .. seg) or '')
  if #nodes == 0 then return out end
  local fields = {}
  for i, node in ipairs(nodes) do fields[i] = 'st:' .. node end
  local states = redis.call('HMGET', key, unpack(fields))
  for i, node in ipairs(nodes) do
    if not FINAL[states[i]] then out[#out + 1] = node end
  end
  return out
end

-- The nodes that take the output of a node in parts and can run, because it has a part. None after it was reopened: then
-- they wait until it has completed.
local function consumers(job, producer)
  local state = redis.call('HMGET', job_key(job), 'so:' .. producer, 'pn:' .. producer)
  return tonumber(state[2] or '0') > 0 and words(state[1] or '') or {}
end

-- The number of parents that a node waits for, and whether it takes the output of a running parent in parts.
local function unmet(job, node)
  local key = job_key(job)
  local state = redis.call('HMGET', key, 'pe:' .. node, 'si:' .. node)
  local pending, in_parts = tonumber(state[1]), false
  for _, producer in ipairs(words(state[2] or '')) do
    local its = redis.call('HMGET', key, 'st:' .. producer, 'so:' .. producer, 'pn:' .. producer)
    if not FINAL[its[1]] and its[2] and tonumber(its[3] or '0') > 0 then
      pending, in_parts = pending - 1, true
    end
  end
  return pending, in_parts
end

-- The executor works on those nodes of a leased segment that can run.
local function mark_running(job, seg, data, at)
  local key = job_key(job)
  for _, node in ipairs(open_nodes(job, seg)) do
    local state = redis.call('HMGET', key, 'st:' .. node, 'fi:' .. node)
    local pending, in_parts = unmet(job, node)
    if state[1] ~= 'running' and pending == 0 and (in_parts or tonumber(state[2]) > 0) then
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

-- A person was asked and has not decided: however often the segment is enqueued, no worker takes it.
local function undecided(job, seg)
  local key = job_key(job)
  local node = redis.call('HGET', key, 'ap:' .. seg)
  if not node then return false end
  local state = redis.call('HMGET', key, 'st:' .. node, 'as:' .. node, 'de:' .. node)
  return state[1] == 'waiting' and state[2] and not state[3]
    and redis.call('HEXISTS', DELAYED, lease_field(job, seg)) == 0
end

-- Wake a segment without a lease whose nodes wait: they become ready again and go first.
local function wake(job, seg)
  local key = job_key(job)
  for _, node in ipairs(open_nodes(job, seg)) do
    if redis.call('HGET', key, 'st:' .. node) == 'waiting' then redis.call('HSET', key, 'st:' .. node, 'ready') end
  end
  enqueue_first(job, seg)
end

-- A flight is a computation that other nodes wait for: FLIGHTS contains its node, waiters:<content key> the waiting nodes,
-- both as "job/segment/node". A flight outlives its worker: the next attempt of the node continues it.
local function flight_name(job, seg, node) return job .. '/' .. seg .. '/' .. node end

local function still_waits(name)
  local job, seg, node = string.match(name, '^(.*)/([^/]*)/([^/]*)$')
  local state = redis.call('HMGET', job_key(job), 'status', 'st:' .. node)
  return state[1] and not FINAL[state[1]] and state[2] == 'waiting', job, seg, node
end

-- The node of a flight has its result: all waiting nodes are woken and find it.
local function land(job, node, content_key)
  redis.call('HDEL', job_key(job), 'fl:' .. node)
  redis.call('HDEL', FLIGHTS, content_key)
  for _, name in ipairs(redis.call('LRANGE', waiters_key(content_key), 0, -1)) do
    local waits, its_job, seg = still_waits(name)
    if waits then wake(its_job, seg) end
  end
  redis.call('DEL', waiters_key(content_key))
end

-- The node of a flight will not have a result: the first waiting node takes its place.
local function pass_on(job, node)
  local content_key = redis.call('HGET', job_key(job), 'fl:' .. node)
  if not content_key then return end
  redis.call('HDEL', job_key(job), 'fl:' .. node)
  local owner = redis.call('HGET', FLIGHTS, content_key)
  local own = flight_name(job, redis.call('HGET', job_key(job), 'sg:' .. node) or '', node)
  if owner and owner ~= own then return end -- after a loss of memory another node may compute it
  redis.call('HDEL', FLIGHTS, content_key)
  while true do
    local name = redis.call('LPOP', waiters_key(content_key))
    if not name then return end
    local waits, its_job, seg, its_node = still_waits(name)
    if waits then
      redis.call('HSET', FLIGHTS, content_key, name)
      redis.call('HSET', job_key(its_job), 'fl:' .. its_node, content_key)
      wake(its_job, seg)
      return
    end
  end
end

-- The bus keeps a bounded, recent part of the result index; SQL has all of it.
local function remember(content_key, result)
  if redis.call('HSET', COMPUTED, content_key, result) == 1 then
    if redis.call('RPUSH', COMPUTED .. ':order', content_key) > 20000 then
      redis.call('HDEL', COMPUTED, redis.call('LPOP', COMPUTED .. ':order'))
    end
  end
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
  if kind == 'waits' then return false end -- of job_plan: an order without an edge
  return status == 'completed'
end

-- All parents of the segment that are outside it are final, or have parts for it: it can start.
local function start(job, seg)
  local key, left = job_key(job), open_nodes(job, seg)
  if #left == 0 then return end
  for _, id in ipairs(left) do
    if unmet(job, id) == 0 then redis.call('HSET', key, 'st:' .. id, 'ready') end
  end
  enqueue(job, seg, redis.call('HGET', key, 'lane'))
end

-- A node has its first part, or its first after it lost all: the nodes that take its output in parts can start.
local function first_part(job, node, data, at)
  local key = job_key(job)
  emit(job, 'node.first_part', node, data, at)
  for _, consumer in ipairs(consumers(job, node)) do
    local seg = redis.call('HGET', key, 'sg:' .. consumer)
    if redis.call('HINCRBY', key, 'ext:' .. seg, -1) == 0 then start(job, seg) end
  end
end

-- A node has another part, or it has completed: the nodes that wait for that continue.
local function next_part(job, node)
  local key = job_key(job)
  for _, consumer in ipairs(consumers(job, node)) do
    local state = redis.call('HMGET', key, 'st:' .. consumer, 'aw:' .. consumer, 'sg:' .. consumer)
    if state[1] == 'waiting' and state[2] == node then
      redis.call('HDEL', key, 'aw:' .. consumer)
      wake(job, state[3])
    end
  end
end

-- The parts that a node has taken are not valid any more: its worker loses the lease, and the node what it has made of
-- them, which also holds for the nodes that take its own output in parts.
local function discard_work(job, node)
  local key = job_key(job)
  local seg, its = redis.call('HGET', key, 'sg:' .. node), {}
  local ended = FINAL[redis.call('HGET', key, 'st:' .. node)]
  if not ended then its = consumers(job, node) end
  for i = 0, tonumber(redis.call('HGET', key, 'pn:' .. node) or '0') - 1 do
    redis.call('HDEL', key, 'pt:' .. node .. ':' .. i)
  end
  redis.call('HDEL', key, 'pn:' .. node, 'aw:' .. node, 'sf:' .. node)
  for _, consumer in ipairs(its) do
    redis.call('HINCRBY', key, 'ext:' .. redis.call('HGET', key, 'sg:' .. consumer), 1)
    discard_work(job, consumer)
  end
  pass_on(job, node)
  if redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 1 then
    redis.call('HINCRBY', key, 'at:' .. seg, -1)
    unmark_running(job, seg)
    free_lease(job, seg)
  end
  redis.call('HDEL', DELAYED, lease_field(job, seg))
  if not ended then redis.call('HSET', key, 'st:' .. node, unmet(job, node) == 0 and 'ready' or 'pending') end
  if tonumber(redis.call('HGET', key, 'ext:' .. seg)) == 0 and #open_nodes(job, seg) > 0 then enqueue_first(job, seg) end
end

-- recorded: names of nodes whose results SQL already has.
-- A node became final: count down its children, skip those that no edge reaches, enqueue segments that can run.
-- Iterative, because a cascade may be as long as the graph.
local function finish_node(job, node, status, data, at, recorded)
  local key, todo, ready, broken = job_key(job), { { node, status, data } }, {}, {}
  local i = 1
  while todo[i] do
    local id, final, payload = todo[i][1], todo[i][2], todo[i][3]
    i = i + 1
    redis.call('HSET', key, 'st:' .. id, final)
    redis.call('HINCRBY', key, 'open', -1)
    emit(job, 'node.' .. final, id, payload, at, recorded and recorded[id])
    local seg = redis.call('HGET', key, 'sg:' .. id)
    local in_parts = {}
    for _, consumer in ipairs(consumers(job, id)) do in_parts[consumer] = true end
    local handled = false -- a handler that was skipped when its parent first completed comes too late (remake)
    for child, kind in string.gmatch(redis.call('HGET', key, 'ki:' .. id) or '', '([^ ;]+) ([^ ;]+)') do
      local fired = fires(kind, final)
      local child_state = redis.call('HGET', key, 'st:' .. child)
      if fired then
        redis.call('HINCRBY', key, 'fi:' .. child, 1)
        if final == 'failed' and child_state ~= 'skipped' then handled = true end
      end
      local pending = redis.call('HINCRBY', key, 'pe:' .. child, -1)
      local child_seg = redis.call('HGET', key, 'sg:' .. child)
      if not FINAL[child_state] and pending == 0 and tonumber(redis.call('HGET', key, 'fi:' .. child)) == 0 then
        todo[#todo + 1] = { child, 'skipped', '{}' }
      end
      if in_parts[child] then -- its segment was started by the first part
        if final ~= 'completed' then broken[#broken + 1] = child end
      elseif child_seg ~= seg and redis.call('HINCRBY', key, 'ext:' .. child_seg, -1) == 0 then
        ready[#ready + 1] = child_seg
      end
    end
    if final == 'completed' then next_part(job, id) end
    if final == 'failed' and not handled then
      if redis.call('HINCRBY', key, 'failures', 1) == 1 then redis.call('HSET', key, 'first_failure', id) end
    end
  end
  for _, id in ipairs(broken) do discard_work(job, id) end
  for _, seg in ipairs(ready) do start(job, seg) end
  finish_job(job, at)
end

-- A completed node runs again because its bytes are lost: the reverse of finish_node. Its final children stay final.
local function reopen(job, node, loss, at)
  local key = job_key(job)
  local seg = redis.call('HGET', key, 'sg:' .. node)
  redis.call('HSET', key, 'st:' .. node, 'pending')
  redis.call('HINCRBY', key, 'open', 1)
  redis.call('HDEL', key, 'rs:' .. node, 'by:' .. node, 'so:' .. node)
  emit(job, 'node.lost', node, loss, at)
  for child, kind in string.gmatch(redis.call('HGET', key, 'ki:' .. node) or '', '([^ ;]+) ([^ ;]+)') do
    if fires(kind, 'completed') then redis.call('HINCRBY', key, 'fi:' .. child, -1) end
    redis.call('HINCRBY', key, 'pe:' .. child, 1)
    local state = redis.call('HMGET', key, 'st:' .. child, 'sg:' .. child)
    if state[1] == 'ready' then redis.call('HSET', key, 'st:' .. child, 'pending') end
    if state[2] ~= seg then redis.call('HINCRBY', key, 'ext:' .. state[2], 1) end
  end
end

-- After a node became final under its lease: the executor continues with the next nodes, each on its first attempt; if there
-- are none, the lease is freed. A batch segment yields to interactive work: its rest goes to the front of its own kind.
-- Returns whether it yielded.
local function go_on(job, seg, data, at)
  local key = job_key(job)
  if #open_nodes(job, seg) == 0 then
    free_lease(job, seg)
    return false
  end
  local state = redis.call('HMGET', key, 'lane', 'pool:' .. seg)
  local computing = false -- in a segment with branches another node may be running; its work is kept
  for _, node in ipairs(open_nodes(job, seg)) do
    if redis.call('HGET', key, 'st:' .. node) == 'running' then computing = true end
  end
  if not computing and state[1] == 'batch' and (redis.call('XLEN', queue_key(state[2], 'interactive')) > 0
      or redis.call('XLEN', queue_key(state[2], 'front')) > 0) then
    redis.call('HSET', key, 'at:' .. seg, 0)
    unmark_running(job, seg)
    free_lease(job, seg)
    enqueue_first(job, seg)
    return true
  end
  redis.call('HSET', key, 'at:' .. seg, 1)
  mark_running(job, seg, data, at)
  return false
end
