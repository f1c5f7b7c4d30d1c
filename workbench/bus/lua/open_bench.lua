-- open_bench(epoch) -> OK | OLD: the grace is over; segments without a live lease are enqueued by `requeue`.
if epoch() ~= ARGV[1] then return 'OLD' end
redis.call('HSET', META, 'phase', 'open')
return 'OK'
