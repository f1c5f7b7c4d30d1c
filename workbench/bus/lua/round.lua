-- round() -> {'OK', round} | {'WAIT'}: the latest round of removing bytes. WAIT while a round is open.
if removing() then return { 'WAIT' } end
return { 'OK', round() }
