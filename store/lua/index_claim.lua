-- File founders whose candidates were all weighed, or refuse. Follows index.lua.
-- ARGV[1]: claims as JSON; the other arguments are the binary parts they point to.
-- Returns the ids of claims that have unweighed candidates; nothing was written if there are any.
local claims = cjson.decode(ARGV[1])
local unseen = index_unseen(claims)
if #unseen == 0 then index_claim(claims) end
return unseen
