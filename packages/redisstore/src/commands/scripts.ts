import { createHash } from "node:crypto";

/** A Lua script, and the SHA-1 by which the server knows it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/**
 * The beginning of each script. A script takes any number of keys. ARGV[1] is the app's time in the format of a value, or
 * empty if the server's clock decides. The fields of each key follow. An empty expiry tells the server to expire nothing.
 *
 * A script returns 1 if the result is 1 for all keys, and otherwise a list of results: 0 (no), 1 (yes), 2 (no, and the old
 * value was no record), 3 (yes, likewise), or the text of an error. A value that is no record counts as absent.
 *
 * All times and constants are strings, so that the server formats and parses no numbers.
 */
const PRELUDE = `
local run, find, sub, args = redis.pcall, string.find, string.sub, ARGV
local now = args[1]
local digits, last = '^%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d$', '8640000000000000'
local function isLive(header)
  return type(header) == 'string' and find(header, digits) and header <= last and header > now
end
-- Classifies a value by its first 16 bytes: 'live', 'absent' or 'damaged'. On an error, returns nil and the error.
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

/** Fields of each key: value, expiry for the server. */
export const COMMIT: Script = script(2, "result = set(key, args[at + 1], args[at + 2]) or 1");

/** Fields of each key: value, expiry for the server. */
export const INSERT: Script = script(
  2,
  `
local found, err = look(headerOf(run('GET', key)))
if err then result = err
elseif found == 'live' then result = 0
else result = set(key, args[at + 1], args[at + 2]) or (found == 'damaged' and 3 or 1) end`,
);

/** Fields of each key: value, expiry for the server, previous data. */
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

/** Fields of each key: expiry in the format of a value, expiry for the server. */
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

/** Removes records that have expired by the app's time. No fields. */
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
 * Reads the keys in the slots ARGV[1] to ARGV[2] of a cluster's server, at one instant, up to about ARGV[3] keys. ARGV[4] is
 * a pattern for SCAN. Returns the server's own line of CLUSTER NODES, which lists its slots; the first slot that was not
 * read; and the keys. A server with few keys returns all of them, including those in other slots, because reading slot by
 * slot would take it milliseconds.
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
