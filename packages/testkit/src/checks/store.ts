import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes, rejectsWith, sameBytes } from "../expectations.js";
import { assertLinearizable } from "../interleaving.js";
import { hostileTokens, malformedTokens } from "../tokens.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");
const invalidDates = [new Date(Number.NaN), undefined, null, Date.now(), "2031-01-01"] as unknown as Date[];
const invalidData = [
  undefined,
  null,
  "text",
  [1, 2],
  {},
  new ArrayBuffer(2),
  new Uint16Array(2),
] as unknown as Uint8Array[];

/** Tokens that a malformed one turns into where it is cut, encoded or converted instead of refused. */
const lookAlikes = [
  "a",
  "b",
  "\ufffd",
  "a\ufffdb",
  "a".repeat(255),
  "undefined",
  "null",
  "7",
  "[object Object]",
];

/** Each token keeps a record of its own, which goes when it is deleted and no other with it. */
function distinct(name: string, tokens: readonly string[]): Check<Store> {
  return {
    name,
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      for (const token of tokens) await store.commit(token, bytes(`data of ${token}`), expiry);
      for (const token of tokens) await assertLive(store, token, bytes(`data of ${token}`), expiry);
      for (const [index, token] of tokens.entries()) {
        await store.delete(token);
        await assertAbsent(store, token);
        for (const later of tokens.slice(index + 1))
          await assertLive(store, later, bytes(`data of ${later}`));
      }
    },
  };
}

/** What every store promises: `find`, `commit` and `delete`. */
export const storeChecks: readonly Check<Store>[] = [
  {
    name: "find gives undefined for a token that is unknown",
    async run({ store, clock }) {
      await assertAbsent(store, "t");
      await store.commit("other", one, clock.in(1000));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "find gives the data that was committed",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await assertLive(store, "t", one);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "find gives the expiry that was committed, to the millisecond",
    async run({ store, clock }) {
      for (const ms of [1, 2, 999, 1001, 86_399_999]) {
        await store.commit("t", one, clock.in(ms));
        await assertLive(store, "t", one, clock.in(ms));
      }
    },
  },
  {
    name: "an expiry a century away is kept to the millisecond",
    async run({ store, clock }) {
      const expiry = clock.in(100 * 365.25 * 86_400_000 + 1);
      await store.commit("t", one, expiry);
      await assertLive(store, "t", one, expiry);
      clock.advance(50 * 365 * 86_400_000);
      await assertLive(store, "t", one, expiry);
    },
  },
  {
    name: "commit overwrites the data of a live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", two, clock.in(1000));
      await assertLive(store, "t", two);
    },
  },
  {
    name: "commit overwrites the expiry of a live record, later and earlier",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", one, clock.in(5000));
      await assertLive(store, "t", one, clock.in(5000));
      await store.commit("t", one, clock.in(500));
      await assertLive(store, "t", one, clock.in(500));
    },
  },
  {
    name: "commit changes no record but its own",
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      await store.commit("t1", one, expiry);
      await store.commit("t2", two, clock.in(2000));
      await assertLive(store, "t1", one, expiry);
      await store.commit("t2", one, clock.in(3000));
      await assertLive(store, "t1", one, expiry);
    },
  },
  {
    name: "delete removes a record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.delete("t"), undefined);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "delete of what is not there succeeds",
    async run({ store, clock }) {
      assert.equal(await store.delete("t"), undefined);
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      assert.equal(await store.delete("t"), undefined);
    },
  },
  {
    name: "delete removes no record but its own",
    async run({ store, clock }) {
      for (const token of ["t", "t1", "t2"]) await store.commit(token, one, clock.in(1000));
      await store.delete("t1");
      await assertLive(store, "t", one);
      await assertLive(store, "t2", one);
    },
  },
  {
    name: "a token can be committed again after delete",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      await store.commit("t", two, clock.in(2000));
      await assertLive(store, "t", two, clock.in(2000));
    },
  },
  {
    name: "a record is live until the millisecond before it expires",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "a record is gone at the very instant it expires",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "a record stays gone after it has expired",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1001);
      await assertAbsent(store, "t");
      clock.advance(86_400_000);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "a token can be committed again after its record has expired",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      await store.commit("t", two, clock.in(1000));
      await assertLive(store, "t", two, clock.in(1000));
    },
  },
  {
    name: "commit with an expiry that has passed leaves no live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(-1));
      await assertAbsent(store, "t");
      await store.commit("t", one, new Date(0));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "commit with the present instant as the expiry leaves no live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(0));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "commit with an expiry that has passed ends the record that was live",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", two, clock.in(-1));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "changing an array after commit changes no record",
    async run({ store, clock }) {
      const data = bytes("one");
      await store.commit("t", data, clock.in(1000));
      data.fill(0);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "changing an array while commit is under way changes no record",
    async run({ store, clock }) {
      const data = bytes("one");
      const committing = store.commit("t", data, clock.in(1000));
      data.fill(0);
      await committing;
      await assertLive(store, "t", one);
    },
  },
  {
    name: "changing an array that find gave changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      (await store.find("t"))?.data.fill(0);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "each find gives an array of its own",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const [first, second] = await Promise.all([store.find("t"), store.find("t")]);
      assert.ok(first && second);
      first.data.fill(0);
      sameBytes(second.data, one);
    },
  },
  {
    name: "changing the Date after commit changes no record",
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      const committing = store.commit("t", one, expiry);
      expiry.setTime(0);
      await committing;
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "changing the Date that find gave changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      (await store.find("t"))?.expiry.setTime(0);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "of a view on a larger buffer only its own bytes are kept",
    async run({ store, clock }) {
      const view = bytes("before one after").subarray(7, 10);
      await store.commit("t", view, clock.in(1000));
      await assertLive(store, "t", one);
      await store.commit("t", Buffer.from("before two after").subarray(7, 10), clock.in(1000));
      await assertLive(store, "t", two);
    },
  },
  {
    name: "empty data is data",
    async run({ store, clock }) {
      await store.commit("t", new Uint8Array(0), clock.in(1000));
      await assertLive(store, "t", new Uint8Array(0), clock.in(1000));
    },
  },
  {
    name: "data of 1 MiB is kept whole",
    async run({ store, clock }) {
      const data = new Uint8Array(2 ** 20);
      for (let index = 0; index < data.length; index++) data[index] = (index * 31 + (index >> 8)) & 255;
      await store.commit("t", data, clock.in(1000));
      await assertLive(store, "t", data);
      await store.commit("t", one, clock.in(1000));
      await assertLive(store, "t", one);
    },
  },
  {
    name: "every value of a byte is kept, in every place",
    async run({ store, clock }) {
      const up = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.commit("up", up, clock.in(1000));
      await store.commit("down", up.toReversed(), clock.in(1000));
      await assertLive(store, "up", up);
      await assertLive(store, "down", up.toReversed());
    },
  },
  distinct("tokens that look like paths are only names", hostileTokens.paths),
  distinct("tokens with quotes and placeholders are only names", hostileTokens.quotes),
  distinct("tokens that name properties of objects are only names", hostileTokens.properties),
  distinct(
    "tokens that differ only in white space or control characters are different",
    hostileTokens.spaces,
  ),
  distinct("tokens beyond ASCII are kept apart", hostileTokens.beyondAscii),
  distinct("tokens that differ only in case are different", hostileTokens.case),
  distinct("tokens that differ only in their Unicode normal form are different", hostileTokens.normalForms),
  distinct("tokens of 1 and of 255 bytes are tokens", [
    "a",
    "b".repeat(254),
    "b".repeat(255),
    "日".repeat(85),
  ]),
  {
    name: "find gives undefined for a malformed token, whatever is stored",
    async run({ store, clock }) {
      for (const token of lookAlikes) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) await assertAbsent(store, token as string);
    },
  },
  {
    name: "delete of a malformed token does nothing",
    async run({ store, clock }) {
      for (const token of lookAlikes) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) assert.equal(await store.delete(token as string), undefined);
      for (const token of lookAlikes) await assertLive(store, token, one);
    },
  },
  {
    name: "commit of a malformed token rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      const tokens = ["a", "\ufffd", "a\ufffdb", "a".repeat(255), "undefined"];
      for (const token of tokens) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(token as string, two, clock.in(1000)));
      }
      for (const token of tokens) await assertLive(store, token, one);
    },
  },
  {
    name: "commit with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const date of invalidDates) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("t", two, date));
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("new", two, date));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "commit of data that is no Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const data of invalidData) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("t", data, clock.in(2000)));
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("new", data, clock.in(2000)));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "no error carries a token or session data",
    async run({ store, clock }) {
      const secret = "hunter2-hunter2";
      const data = bytes(secret);
      const errors = [
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(`${secret}\0`, data, clock.in(1000))),
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(secret.repeat(20), data, clock.in(1000))),
        await rejectsWith("INVALID_ARGUMENT", () =>
          store.commit(secret, secret as unknown as Uint8Array, clock.in(1000)),
        ),
        await rejectsWith("INVALID_ARGUMENT", () =>
          store.commit(secret, [...data] as unknown as Uint8Array, clock.in(1000)),
        ),
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(secret, data, new Date(Number.NaN))),
      ];
      assertSecret(errors, secret);
    },
  },
  {
    name: "commits of one token take effect in the order made, awaited or not",
    async run({ store, clock }) {
      const writes = Array.from({ length: 50 }, (_, n) =>
        store.commit("t", bytes(`${n}`), clock.in(1000 + n)),
      );
      await Promise.all(writes);
      await assertLive(store, "t", bytes("49"), clock.in(1049));
    },
  },
  {
    name: "find sees a commit of its token that was made before and not awaited",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const committing = store.commit("t", two, clock.in(1000));
      const record = await store.find("t");
      await committing;
      sameBytes(record?.data, two);
    },
  },
  {
    name: "find does not see a commit of its token that was made after",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const finding = store.find("t");
      const committing = store.commit("t", two, clock.in(1000));
      sameBytes((await finding)?.data, one);
      await committing;
    },
  },
  {
    name: "commit and delete of one token take effect in the order made, awaited or not",
    async run({ store, clock }) {
      await Promise.all([store.commit("t1", one, clock.in(1000)), store.delete("t1")]);
      await assertAbsent(store, "t1");
      await Promise.all([store.delete("t2"), store.commit("t2", one, clock.in(1000))]);
      await assertLive(store, "t2", one);
      const deleting = store.delete("t2");
      const record = await store.find("t2");
      await deleting;
      assert.equal(record, undefined, "find gives a record that was deleted before");
    },
  },
  {
    name: "hundreds of calls at once are each answered with their own record",
    async run({ store, clock }) {
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      await Promise.all(numbers.map((n) => store.commit(`t${n}`, bytes(`data ${n}`), clock.in(1000 + n))));
      await Promise.all(numbers.filter((n) => n % 3 === 0).map((n) => store.delete(`t${n}`)));
      const records = await Promise.all(numbers.map((n) => store.find(`t${n}`)));
      for (const [n, record] of records.entries()) {
        if (n % 3 === 0) assert.equal(record, undefined);
        else {
          sameBytes(record?.data, bytes(`data ${n}`));
          assert.equal(record?.expiry.getTime(), clock.in(1000 + n).getTime());
        }
      }
    },
  },
  {
    name: "a call that is refused fails alone, not those made with it",
    async run({ store, clock }) {
      const outcomes = await Promise.allSettled([
        store.commit("t1", one, clock.in(1000)),
        store.commit("", one, clock.in(1000)),
        store.commit("t2", two, clock.in(1000)),
        store.commit("t3", one, new Date(Number.NaN)),
        store.commit("t4", one, clock.in(1000)),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
      );
      await assertLive(store, "t1", one);
      await assertLive(store, "t2", two);
      await assertLive(store, "t4", one);
    },
  },
  {
    name: "what one client commits or deletes, the other finds so at once",
    async run({ store, clock, another }) {
      const other = await another();
      await store.commit("t", one, clock.in(1000));
      await assertLive(other, "t", one, clock.in(1000));
      await other.commit("t", two, clock.in(2000));
      await assertLive(store, "t", two, clock.in(2000));
      await store.delete("t");
      await assertAbsent(other, "t");
    },
  },
  {
    name: "interleaved finds, commits and deletes of several clients have an order that explains every answer",
    run: (context) => assertLinearizable(context, ["find", "commit", "delete"]),
  },
];

/** Says that nothing of the errors, stack and causes included, shows `secret`, as text, hex, base64 or bytes. */
export function assertSecret(errors: readonly Error[], secret: string): void {
  const data = Buffer.from(secret);
  const forms = [
    secret,
    data.toString("hex"),
    data.toString("base64").slice(0, 16),
    [...data].slice(0, 8).join(", "),
  ];
  for (const error of errors) {
    const shown = inspect(error, {
      depth: 10,
      showHidden: true,
      maxArrayLength: null,
      maxStringLength: null,
    });
    const text = `${shown}\n${JSON.stringify(error)}\n${String(error)}`.toLowerCase();
    for (const form of forms)
      assert.ok(!text.includes(form.toLowerCase()), "an error carries a token or session data");
  }
}
