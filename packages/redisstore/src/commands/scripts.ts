import { createHash } from "node:crypto";

/** A Lua script, as the server keeps it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/**
 * Each script takes any number of keys. ARGV[1] is the app's time, or empty where the server's expiry decides. ARGV[2]
 * holds the fields of all keys in one string, since an argument for each would cost the drivers more than all else: see
 * `packFields`. It returns for each key 0 (no) or 1 (yes), 2 or 3 if what was there is no record, or the text of an
 * error. What is no record counts as absent.
 */
const PRELUDE = `
local now = tonumber(ARGV[1])
local fields, at = ARGV[2], 1
local function field()
  local length = struct.unpack('>I4', fields, at)
  local first = at + 4
  at = first + length
  return string.sub(fields, first, at - 1)
end
local function expiryOf(value)
  return struct.unpack('>i4', value) * 4294967296 + struct.unpack('>I4', value, 5)
end
local function bytesOf(digits)
  local expiry = tonumber(digits)
  local high = math.floor(expiry / 4294967296)
  return struct.pack('>i4I4', high, expiry - high * 4294967296)
end
-- Tells what is there: 'live', 'absent' or 'damaged'; or nothing, and an error.
local function look(value)
  if not value then return 'absent' end
  if type(value) == 'table' then
    if string.find(value.err, 'WRONGTYPE', 1, true) then return 'damaged' end
    return nil, value.err
  end
  if #value < 8 then return 'damaged' end
  local expiry = expiryOf(value)
  if math.abs(expiry) > 8640000000000000 then return 'damaged' end
  if now and expiry <= now then return 'absent' end
  return 'live'
end
-- A number: the server writes a whole one as it is, up to 17 digits. Constants are strings, which it need not format.
local function serverExpiry(expiry)
  return math.max(1, expiry - 1)
end
local function set(key, value)
  local reply
  if now then reply = redis.pcall('SET', key, value)
  else reply = redis.pcall('SET', key, value, 'PXAT', serverExpiry(expiryOf(value))) end
  return reply.err
end
local results = {}
`;

function script(body: string): Script {
  const source = `${PRELUDE}for i, key in ipairs(KEYS) do
${body}
end
return results`;
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** Fields: value. */
export const COMMIT: Script = script("results[i] = set(key, field()) or 1");

/** Fields: value. */
export const INSERT: Script = script(`
local value = field()
local found, err = look(redis.pcall('GET', key))
if err then results[i] = err
elseif found == 'live' then results[i] = 0
else results[i] = set(key, value) or (found == 'damaged' and 3 or 1) end`);

/** Fields: previous data, value. */
export const UPDATE: Script = script(`
local previous, value = field(), field()
local stored = redis.pcall('GET', key)
local found, err = look(stored)
if err then results[i] = err
elseif found == 'damaged' then results[i] = 2
elseif found == 'live' and #stored == #previous + 8 and string.sub(stored, 9) == previous then
  results[i] = set(key, value) or 1
else results[i] = 0 end`);

/**
 * ARGV[2] holds 8 bytes for each key, without their length: the expiry, as in a value. Of one key, ARGV[3] may be the
 * expiry in digits instead: drivers send a string faster than bytes.
 */
export const TOUCH: Script = script(`
local header = redis.pcall('GETRANGE', key, '0', '7')
local found, err = look(header ~= '' and header)
if err then results[i] = err
elseif found == 'damaged' then results[i] = 2
elseif found == 'absent' then results[i] = 0
else
  local expiry = ARGV[3] and bytesOf(ARGV[3]) or string.sub(fields, 8 * i - 7, 8 * i)
  local reply = redis.pcall('SETRANGE', key, '0', expiry)
  if type(reply) == 'number' and not now then reply = redis.pcall('PEXPIREAT', key, serverExpiry(expiryOf(expiry))) end
  results[i] = type(reply) == 'table' and reply.err or 1
end`);

/** No ARGV[2]. Removes what has expired by the app's time. */
export const REMOVE_EXPIRED: Script = script(`
local header = redis.pcall('GETRANGE', key, '0', '7')
results[i] = 0
if type(header) == 'string' and header ~= '' and look(header) == 'absent' then
  local reply = redis.pcall('UNLINK', key)
  results[i] = type(reply) == 'table' and reply.err or 1
end`);

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
