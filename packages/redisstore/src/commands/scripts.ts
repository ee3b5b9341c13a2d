import { createHash } from "node:crypto";

/** A Lua script, as the server keeps it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/**
 * Each script takes any number of keys. ARGV[1] is the app's time as in a value, or empty where the server's expiry
 * decides. The fields of each key follow; an expiry for the server is empty where it is to expire nothing. It returns 1 if
 * the result is 1 for all keys. Otherwise it returns the result of each: 0 (no) or 1 (yes), 2 or 3 if what was there is no
 * record, or the text of an error. What is no record counts as absent.
 *
 * Times are strings throughout, and constants too: what the server need not format or parse costs it nothing.
 */
const PRELUDE = `
local run, find, sub, args = redis.pcall, string.find, string.sub, ARGV
local now = args[1]
local digits, last = '^%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d$', '8640000000000000'
local function isLive(header)
  return type(header) == 'string' and find(header, digits) and header <= last and header > now
end
-- Tells what is there by the first 16 bytes: 'live', 'absent' or 'damaged'; or nothing, and an error.
local function look(header)
  if not header then return 'absent' end
  if type(header) == 'table' then
    if find(header.err, 'WRONGTYPE', 1, true) then return 'damaged' end
    return nil, header.err
  end
  if not find(header, digits) or header > last then return 'damaged' end
  return header > now and 'live' or 'absent'
end
local function headerOf(value)
  return type(value) == 'string' and sub(value, 1, 16) or value
end
local function set(key, value, expiry)
  if expiry == '' then return run('SET', key, value).err end
  return run('SET', key, value, 'PXAT', expiry).err
end
local results, at, isAll = {}, 1, true
`;

function script(fields: number, body: string): Script {
  const source = `${PRELUDE}for i, key in ipairs(KEYS) do
local result
${body}
results[i] = result
at = at + ${fields}
if result ~= 1 then isAll = false end
end
return isAll and 1 or results`;
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** Fields: value, expiry for the server. */
export const COMMIT: Script = script(2, "result = set(key, args[at + 1], args[at + 2]) or 1");

/** Fields: value, expiry for the server. */
export const INSERT: Script = script(
  2,
  `
local found, err = look(headerOf(run('GET', key)))
if err then result = err
elseif found == 'live' then result = 0
else result = set(key, args[at + 1], args[at + 2]) or (found == 'damaged' and 3 or 1) end`,
);

/** Fields: value, expiry for the server, previous data. */
export const UPDATE: Script = script(
  3,
  `
local stored, previous = run('GET', key), args[at + 3]
local found, err = look(headerOf(stored))
if err then result = err
elseif found == 'damaged' then result = 2
elseif found == 'live' and #stored == #previous + 16 and sub(stored, 17) == previous then
  result = set(key, args[at + 1], args[at + 2]) or 1
else result = 0 end`,
);

/** Fields: expiry as in a value, expiry for the server. */
export const TOUCH: Script = script(
  2,
  `
local header = run('GETRANGE', key, '0', '15')
if isLive(header) then
  local expiry, reply = args[at + 2], run('SETRANGE', key, '0', args[at + 1])
  if expiry ~= '' and type(reply) == 'number' then reply = run('PEXPIREAT', key, expiry) end
  result = type(reply) == 'table' and reply.err or 1
else
  local found, err = look(header ~= '' and header)
  result = err or (found == 'damaged' and 2 or 0)
end`,
);

/** No fields. Removes what has expired by the app's time. */
export const REMOVE_EXPIRED: Script = script(
  0,
  `
local header = run('GETRANGE', key, '0', '15')
result = 0
if type(header) == 'string' and header ~= '' and look(header) == 'absent' then
  local reply = run('UNLINK', key)
  result = type(reply) == 'table' and reply.err or 1
end`,
);

/**
 * Reads keys in the slots ARGV[1] to ARGV[2] of a server of a cluster, at one instant, until there are ARGV[3] of them;
 * ARGV[4] is a pattern for SCAN. Returns the server's own line of CLUSTER NODES, which says what slots it has; the first
 * slot that was not read; and the keys. A server that has few keys returns all of them, also those in other slots: to
 * look into each slot would take it milliseconds.
 */
export const KEYS_OF_SLOTS: string = `
local first, last, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local line = string.match(redis.call('CLUSTER', 'NODES'), '[^\\n]* myself[, ][^\\n]*')
local keys = {}
if redis.call('DBSIZE') <= limit then
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', ARGV[4], 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do keys[#keys + 1] = key end
  until cursor == '0'
  return {line, last + 1, keys}
end
last = math.min(last, first + 1023)
for slot = first, last do
  for _, key in ipairs(redis.call('CLUSTER', 'GETKEYSINSLOT', slot, 2147483647)) do keys[#keys + 1] = key end
  if #keys >= limit then return {line, slot + 1, keys} end
end
return {line, last + 1, keys}`;
