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
local function serverExpiry(expiry)
  return string.format('%.0f', math.max(1, expiry - 1))
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

/** No ARGV[2]. ARGV[1 + i] is the expiry of a key, in digits. */
export const TOUCH: Script = script(`
local header = redis.pcall('GETRANGE', key, 0, 7)
local found, err = look(header ~= '' and header)
if err then results[i] = err
elseif found == 'damaged' then results[i] = 2
elseif found == 'absent' then results[i] = 0
else
  local expiry = tonumber(ARGV[1 + i])
  local high = math.floor(expiry / 4294967296)
  local reply = redis.pcall('SETRANGE', key, 0, struct.pack('>i4I4', high, expiry - high * 4294967296))
  if type(reply) == 'number' and not now then reply = redis.pcall('PEXPIREAT', key, serverExpiry(expiry)) end
  results[i] = type(reply) == 'table' and reply.err or 1
end`);

/** No ARGV[2]. Removes what has expired by the app's time. */
export const REMOVE_EXPIRED: Script = script(`
local header = redis.pcall('GETRANGE', key, 0, 7)
results[i] = 0
if type(header) == 'string' and header ~= '' and look(header) == 'absent' then
  local reply = redis.pcall('UNLINK', key)
  results[i] = type(reply) == 'table' and reply.err or 1
end`);
