//! What is done in one step on the server.
//!
//! Each script has its marker in `KEYS[1]`, the number of the operation in `ARGV[1]` and in `ARGV[2]` whether
//! it is sent again. It begins with [`SEEN`] and ends with [`KEEP`]. Keys of the operation itself are
//! arguments: there is one server, not a cluster.
//!
//! Invariant: a script that has changed something has kept its number. One that changed nothing the first
//! time need not, but one that is sent again must: its first copy may arrive later.

/// A number that was seen is answered as before; one that came late is not done any more.
const SEEN: &str = r"
local again = ARGV[2] == '1'
local function seen()
  local mark = redis.call('GET', KEYS[1])
  if not mark then return false end
  local blank = string.find(mark, ' ', 1, true)
  local number = string.sub(mark, 1, blank - 1)
  if number == ARGV[1] then return true, cmsgpack.unpack(string.sub(mark, blank + 1)) end
  if tonumber(number) > tonumber(ARGV[1]) then return true, {err = 'STALE a later operation was done'} end
  return false
end
local function keep(answer)
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. cmsgpack.pack(answer), 'PX', 86400000)
  return answer
end
local function failed(answer) return type(answer) == 'table' and answer.err end
local function entries(key, ids)
  local all = {}
  for i, id in ipairs(ids) do
    local there = redis.call('XRANGE', key, id, id)
    all[i] = there[1] or {id, false}
  end
  return all
end
local done, before = seen()
";

/// Any command: its words.
const PLAIN: &str = r"
if done then return before end
local answer = redis.pcall(unpack(ARGV, 3))
if failed(answer) and not again then return answer end
return keep(answer)
";

/// INCRBY or HINCRBY, then GET or HGET: the words of both, behind the number of words of the first. A number of
/// Lua has 53 bits only, so the answer is text.
const COUNT: &str = r"
if done then return before end
local words = tonumber(ARGV[3])
local answer = redis.pcall(unpack(ARGV, 4, 3 + words))
if failed(answer) then
  if again then keep(answer) end
  return answer
end
return keep(redis.call(unpack(ARGV, 4 + words)))
";

/// XREADGROUP: stream, group, consumer, count, from. Answers a plain list of entries. Only ids are kept.
const READ_GROUP: &str = r"
local key = ARGV[3]
if done then
  if failed(before) then return before end
  return entries(key, before)
end
local answer = redis.pcall('XREADGROUP', 'GROUP', ARGV[4], ARGV[5], 'COUNT', ARGV[6], 'STREAMS', key, ARGV[7])
if failed(answer) then
  if again then keep(answer) end
  return answer
end
local read = answer and answer[1][2] or {}
if #read > 0 or again then
  local ids = {}
  for i, entry in ipairs(read) do ids[i] = entry[1] end
  keep(ids)
end
return read
";

/// XAUTOCLAIM: stream, group, consumer, idle, start, count. Answers cursor and entries.
const AUTO_CLAIM: &str = r"
local key = ARGV[3]
if done then
  if failed(before) then return before end
  return {before[1], entries(key, before[2])}
end
local answer = redis.pcall('XAUTOCLAIM', key, ARGV[4], ARGV[5], ARGV[6], ARGV[7], 'COUNT', ARGV[8])
if failed(answer) then
  if again then keep(answer) end
  return answer
end
local ids = {}
for i, entry in ipairs(answer[2]) do ids[i] = entry[1] end
keep({answer[1], ids})
return {answer[1], answer[2]}
";

/// DEL, HSET and PEXPIRE: key, life in milliseconds (or nothing), fields.
const SET_RECORD: &str = r"
if done then return before end
local key = ARGV[3]
local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then
  local answer = {err = 'WRONGTYPE Operation against a key holding the wrong kind of value'}
  if again then keep(answer) end
  return answer
end
redis.call('DEL', key)
local fields = #ARGV - 4
if fields > 0 and (ARGV[4] == '' or tonumber(ARGV[4]) > 0) then
  redis.call('HSET', key, unpack(ARGV, 5))
  if ARGV[4] ~= '' then redis.call('PEXPIRE', key, ARGV[4]) end
end
return keep(1)
";

/// LPUSH and LTRIM: key, value, how many to keep.
const PUSH_KEEP: &str = r"
if done then return before end
local answer = redis.pcall('LPUSH', ARGV[3], ARGV[4])
if failed(answer) then
  if again then keep(answer) end
  return answer
end
if ARGV[5] == '0' then redis.call('DEL', ARGV[3]) else redis.call('LTRIM', ARGV[3], 0, tonumber(ARGV[5]) - 1) end
return keep(1)
";

/// DEL of all keys, if all are there: the keys.
const DEL_TOGETHER: &str = r"
if done then return before end
for i = 3, #ARGV do
  if redis.call('EXISTS', ARGV[i]) == 0 then return keep(0) end
end
for i = 3, #ARGV do redis.call('DEL', ARGV[i]) end
return keep(1)
";

/// Nothing but the number, so that no earlier operation can be done from now on. Answers the number before.
const FENCE: &str = r"
local mark = redis.call('GET', KEYS[1])
if done then return before end
keep(0)
return mark and string.match(mark, '^(%d+) ')
";

/// The scripts, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(super) enum Script {
    Plain,
    Count,
    ReadGroup,
    AutoClaim,
    SetRecord,
    PushKeep,
    DelTogether,
    Fence,
}

impl Script {
    /// All of them, in the order of the enumeration.
    pub(super) const ALL: [Script; 8] = [
        Script::Plain,
        Script::Count,
        Script::ReadGroup,
        Script::AutoClaim,
        Script::SetRecord,
        Script::PushKeep,
        Script::DelTogether,
        Script::Fence,
    ];

    /// Its text.
    pub(super) fn text(self) -> String {
        let own = match self {
            Script::Plain => PLAIN,
            Script::Count => COUNT,
            Script::ReadGroup => READ_GROUP,
            Script::AutoClaim => AUTO_CLAIM,
            Script::SetRecord => SET_RECORD,
            Script::PushKeep => PUSH_KEEP,
            Script::DelTogether => DEL_TOGETHER,
            Script::Fence => FENCE,
        };
        format!("{SEEN}{own}")
    }
}
