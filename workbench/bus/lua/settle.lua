-- settle(job, at, k x (node, status, result or failure, content key)) -> number of nodes settled
-- Restores results of nodes that SQL has and this bus has lost. Only before the grace phase, so that no worker presents or
-- starts a node first.
local job, at = ARGV[1], ARGV[2]
local key = job_key(job)
if redis.call('HGET', META, 'phase') ~= 'recall' then return 0 end
local recorded, count = {}, 0
for i = 3, #ARGV, 4 do recorded[ARGV[i]] = true end
for i = 3, #ARGV, 4 do
  local node, final, body, content_key = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'sg:' .. node)
  if state[1] and not FINAL[state[1]] and state[2] and not FINAL[state[2]] then
    redis.call('HSET', key, 'rs:' .. node, body)
    if final == 'completed' and content_key ~= '' then remember(content_key, body) end
    finish_node(job, node, final, body, at, recorded)
    local flight = redis.call('HGET', key, 'fl:' .. node)
    if final == 'completed' and (flight or content_key ~= '') then
      land(job, node, flight or content_key)
    else
      pass_on(job, node)
    end
    if #open_nodes(job, state[3]) == 0 then free_lease(job, state[3]) end
    count = count + 1
  end
end
return count
