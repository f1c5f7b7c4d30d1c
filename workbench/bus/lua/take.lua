-- take(worker, last fence the worker knows, pool, offers, start data, lanes…) -> {'EMPTY'} | {'WAIT'} | {'OFFER'} |
--   {'WORK', job, seg, fence, attempt, spec, {node, status, result or '', …}, {part, …} per open node}
-- Leases the oldest entry, by lane, that this worker can run; drops stale entries (finished, cancelled, leased).
-- offers is the name of the worker's set of services ('' for all services); OFFER: the bus does not have that set.
local worker, last_known, pool, offers, data = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- The bus's own clock, for display only: the worker sent this command before it blocked, perhaps a second ago.
local clock = redis.call('TIME')
local at = clock[1] .. '.' .. string.format('%06d', clock[2])
if not open_deployment() then return { 'WAIT' } end
local offers_key = B .. ':offers:' .. offers

local function answer(job, seg, fence)
  local key = job_key(job)
  local head = redis.call('HMGET', key, 'at:' .. seg, 'spec:' .. seg, 'needs:' .. seg, 'nodes:' .. seg)
  local names, fields = words((head[3] or '') .. ' ' .. head[4]), {}
  for i, node in ipairs(names) do
    fields[2 * i - 1], fields[2 * i] = 'st:' .. node, 'rs:' .. node
  end
  local states, known, parts = redis.call('HMGET', key, unpack(fields)), {}, {}
  for i, node in ipairs(names) do
    known[3 * i - 2], known[3 * i - 1], known[3 * i] = node, states[2 * i - 1], states[2 * i] or ''
  end
  for _, node in ipairs(open_nodes(job, seg)) do
    for i = 0, tonumber(redis.call('HGET', key, 'pn:' .. node) or '0') - 1 do
      parts[#parts + 1] = node
      parts[#parts + 1] = redis.call('HGET', key, 'pt:' .. node .. ':' .. i)
    end
  end
  return { 'WORK', job, seg, fence, head[1], head[2], known, parts }
end

local function fits(needed)
  if offers == '' then return true end
  for _, service in ipairs(words(needed or '')) do
    if redis.call('SISMEMBER', offers_key, service) == 0 then return false end
  end
  return true
end

-- Send a response again that did not reach the worker.
local granted = redis.call('HGET', B .. ':granted', worker)
if granted then
  local fence, n, job, seg = string.match(granted, '^(%d+:(%d+)) ([^ ]+) ([^ ]+)$')
  local known_epoch, known_n = string.match(last_known, '^(%d+):(%d+)$')
  -- After a loss of memory, n may start again: a fence of another epoch than the known one was never received.
  local unheard = n and (string.match(fence, '^%d+') ~= known_epoch or tonumber(n) > tonumber(known_n))
  if unheard and holds(job, seg, fence) then return answer(job, seg, fence) end
end

local held = redis.call('HMGET', HELD, 'pool:' .. pool, 'worker:' .. string.gsub(worker, '%.%d+$', ''))
if held[1] or held[2] then return { 'EMPTY' } end
if offers ~= '' and redis.call('EXISTS', offers_key) == 0 then return { 'OFFER' } end

for i = 6, #ARGV do
  local queue, from, looked = queue_key(pool, ARGV[i]), '-', 0
  -- The first entry nearly always fits. If workers of several versions share a pool, a worker checks more entries.
  while looked < 1000 do
    local entries = redis.call('XRANGE', queue, from, '+', 'COUNT', looked == 0 and 1 or 50)
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      looked, from = looked + 1, '(' .. entry[1]
      local job, seg = entry[2][2], entry[2][4]
      local key = job_key(job)
      local state = redis.call('HMGET', key, 'status', 'rq:' .. seg, 'ap:' .. seg, 'ext:' .. seg)
      local status, leased = state[1], redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 1
      local parked = redis.call('HEXISTS', DELAYED, lease_field(job, seg)) == 1 -- it is enqueued again when it is woken
      parked = parked or (state[3] and undecided(job, seg))
      parked = parked or tonumber(state[4] or '0') > 0 -- a parent runs again (remake), and its end enqueues the segment
      if not status or FINAL[status] or leased or parked or #open_nodes(job, seg) == 0 then
        redis.call('XDEL', queue, entry[1])
      elseif fits(state[2]) then
        redis.call('XDEL', queue, entry[1])
        local fence = epoch() .. ':' .. string.format('%.0f', redis.call('INCR', B .. ':fence'))
        redis.call('HSET', LEASES, lease_field(job, seg), fence .. ' 0 ' .. worker)
        redis.call('HSET', B .. ':granted', worker, fence .. ' ' .. job .. ' ' .. seg)
        redis.call('HINCRBY', key, 'at:' .. seg, 1)
        if status == 'accepted' then redis.call('HSET', key, 'status', 'running') end
        mark_running(job, seg, data, at)
        -- The number of tokens is limited: if more entries are left, wake the next worker before its second is over.
        if redis.call('LLEN', wake_key(pool)) == 0 and redis.call('XLEN', queue) > 0 then
          redis.call('RPUSH', wake_key(pool), '1')
        end
        return answer(job, seg, fence)
      end
    end
  end
end
return { 'EMPTY' }
