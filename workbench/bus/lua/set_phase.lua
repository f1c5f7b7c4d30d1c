-- set_phase(epoch, 'grace' or 'open') -> OK | MOVED | OLD: recall, then grace, then open; never back.
-- After 'open', segments without a live lease are enqueued by `requeue`.
if epoch() ~= ARGV[1] then return 'OLD' end
if ARGV[2] == 'grace' and redis.call('HGET', META, 'phase') ~= 'recall' then return 'MOVED' end
redis.call('HSET', META, 'phase', ARGV[2])
return 'OK'
