-- open_round(milliseconds) -> {'OK', round} | {'WAIT'}
-- Until the round is closed or the time is over, no commit or part may refer to an artifact that was stored before, and
-- its worker checks again if the bytes exist. WAIT while the deployment recovers from a loss of memory.
if not open_deployment() then return { 'WAIT' } end
redis.call('INCR', ROUND)
redis.call('SET', ROUND .. ':open', '1', 'PX', ARGV[1])
return { 'OK', round() }
