-- confirm(last outbox id, keep seconds, finished jobs…) -> number of jobs forgotten
-- SQL has all events up to that entry. The bus forgets only here: first the entries, then finished jobs. A job's events stay
-- a little longer for watchers that are reading them.
redis.call('XTRIM', OUTBOX, 'MINID', '=', ARGV[1])
redis.call('XDEL', OUTBOX, ARGV[1])
local forgotten = 0
for i = 3, #ARGV do
  local job = ARGV[i]
  if FINAL[redis.call('HGET', job_key(job), 'status') or ''] then
    redis.call('DEL', job_key(job), progress_key(job))
    redis.call('EXPIRE', events_key(job), ARGV[2])
    forgotten = forgotten + 1
  end
end
return forgotten
