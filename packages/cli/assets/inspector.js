// The inspector's page. Requests one page of rows at a time, so that it works with any number of sessions.
const $ = (selector) => document.querySelector(selector);
const PAGE = 100;
const number = new Intl.NumberFormat("en");
const state = {
  view: "sessions",
  sort: "lastSeen",
  dir: "desc",
  q: "",
  owner: "",
  ownerName: "",
  offset: 0,
  total: 0,
};

const COLUMNS = {
  sessions: [
    ["owner", "Owner", (row) => row.owner ?? row.ownerHash?.slice(0, 16) ?? "–"],
    ["created", "Age", (row) => past(row.created), "number"],
    ["lastSeen", "Last seen", (row) => past(row.lastSeen), "number"],
    ["expiry", "Expires", (row) => future(row.expiry), "number"],
    ["bytes", "Size", (row) => size(row.bytes), "number"],
    [undefined, "ID", (row) => row.handle.slice(-22), "code"],
  ],
  owners: [
    [undefined, "Owner", (row) => row.owner ?? row.hash],
    [undefined, "Sessions", (row) => number.format(row.sessions), "number"],
  ],
};

function span(ms) {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ];
  const [length, name] = units.find(([each]) => ms >= each) ?? [1000, "s"];
  return `${Math.max(0, Math.floor(ms / length))} ${name}`;
}
const past = (time) => (time === 0 ? "–" : span(Date.now() - time));
const future = (time) => (time <= Date.now() ? "expired" : `in ${span(time - Date.now())}`);

function size(bytes) {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask(path, body) {
  const post = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(`api/${path}`, post);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function tell(text) {
  $("#toast").textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => {
    $("#toast").textContent = "";
  }, 6000);
}

let latest = 0;
async function load({ focus } = {}) {
  const turn = ++latest; // a late answer must not replace a newer one
  const { view, sort, dir, q, owner, offset } = state;
  const query = new URLSearchParams({ sort, dir, q, offset, limit: PAGE });
  if (owner) query.set("owner", owner);
  const { total, rows } = await ask(`${view}?${query}`);
  if (turn !== latest) return;
  if (offset > 0 && offset >= total) {
    state.offset = Math.max(0, Math.floor((total - 1) / PAGE) * PAGE);
    return load({ focus });
  }
  state.total = total;
  draw(rows);
  if (focus !== undefined) focusRow(focus);
}

function draw(rows) {
  const columns = COLUMNS[state.view];
  const heads = columns.map(([key, label, , kind = ""]) => {
    const head = element("th", { scope: "col", className: kind });
    if (key === undefined) head.append(label);
    else head.append(element("button", { textContent: label, onclick: () => sortBy(key) }));
    if (key === state.sort) head.ariaSort = state.dir === "asc" ? "ascending" : "descending";
    return head;
  });
  $("#rows thead").replaceChildren(element("tr", {}, ...heads));
  $("#rows tbody").replaceChildren(
    ...rows.map((row) => {
      const cells = columns.map(([, , text, kind = ""]) =>
        element("td", { className: kind, textContent: text(row) }),
      );
      const drawn = element("tr", { tabIndex: -1, onclick: () => open(row), row }, ...cells);
      return drawn;
    }),
  );
  const first = $("#rows tbody tr");
  if (first) first.tabIndex = 0;
  const { offset, total } = state;
  const last = Math.min(offset + PAGE, total);
  $("#range").textContent =
    total === 0
      ? "none"
      : `${number.format(offset + 1)} to ${number.format(last)} of ${number.format(total)}`;
  $("#previous").disabled = offset === 0;
  $("#next").disabled = last >= total;
  $("#only").hidden = state.owner === "";
  $("#only").textContent = `× ${state.ownerName}`;
}

function sortBy(key) {
  state.dir = state.sort === key && state.dir === "desc" ? "asc" : "desc";
  if (state.sort !== key && key === "owner") state.dir = "asc";
  Object.assign(state, { sort: key, offset: 0 });
  show();
}

function show(options) {
  load(options).catch((error) => tell(error.message));
}

function turnPage(step) {
  const offset = state.offset + step * PAGE;
  if (offset < 0 || offset >= state.total) return;
  state.offset = offset;
  show({ focus: 0 });
}

function rowsShown() {
  return [...document.querySelectorAll("#rows tbody tr")];
}

function focusRow(at) {
  const rows = rowsShown();
  rows[Math.min(Math.max(at, 0), rows.length - 1)]?.focus();
}

function showOwner(hash, name) {
  Object.assign(state, { view: "sessions", owner: hash, ownerName: name, q: "", offset: 0 });
  $("#search").value = "";
  $('input[value="sessions"]').checked = true;
  show({ focus: 0 });
}

async function open(row) {
  if (state.view === "owners") return showOwner(row.hash, row.owner ?? row.hash.slice(0, 16));
  try {
    details(row, await ask(`session?handle=${encodeURIComponent(row.handle)}`));
  } catch (error) {
    tell(error.message);
    show();
  }
}

function details(row, session) {
  const time = (text) => (text ? new Date(text).toLocaleString() : "–");
  const pairs = [
    ["Handle", session.handle],
    ["Owner", session.owner ?? session.ownerHash ?? "nobody"],
    [
      "Description",
      typeof session.description === "object" ? JSON.stringify(session.description) : session.description,
    ],
    ["Created", time(session.created)],
    ["Last seen", time(session.lastSeen)],
    ["Expires", time(session.expiry)],
    ["Deadline", time(session.deadline)],
    ["Size", `${number.format(session.bytes)} bytes`],
  ].flatMap(([name, value]) => [
    element("dt", { textContent: name }),
    element("dd", { textContent: value ?? "–" }),
  ]);
  const values = element("pre", { hidden: true });
  const showValues = async () => {
    const { values: text } = await ask(`session?values=1&handle=${encodeURIComponent(row.handle)}`);
    Object.assign(values, { hidden: false, textContent: text });
  };
  const actions = element("div", { className: "actions" });
  actions.append(element("button", { className: "quiet", textContent: "Show values", onclick: showValues }));
  if (session.ownerHash) {
    const name = session.owner ?? session.ownerHash.slice(0, 16);
    actions.append(
      element("button", {
        className: "quiet",
        textContent: "All of this owner",
        onclick: () => {
          $("#details").close();
          showOwner(session.ownerHash, name);
        },
      }),
      element("button", {
        className: "danger",
        textContent: "End all of this owner",
        onclick: () => endAll(session.ownerHash, name),
      }),
    );
  }
  actions.append(
    element("button", { className: "danger", textContent: "End session", onclick: () => end(row) }),
  );
  actions.append(
    element("button", { className: "quiet", textContent: "Close", onclick: () => $("#details").close() }),
  );
  $("#details").replaceChildren(
    element("h2", { textContent: "Session" }),
    element("dl", {}, ...pairs),
    values,
    actions,
  );
  $("#details").showModal();
}

function confirmed(question) {
  const dialog = $("#confirm");
  $("#question").textContent = question;
  dialog.showModal();
  $("#no").focus();
  return new Promise((resolve) => {
    const answer = (yes) => () => {
      dialog.onclose = null;
      dialog.close();
      resolve(yes);
    };
    $("#yes").onclick = answer(true);
    $("#no").onclick = answer(false);
    dialog.onclose = answer(false);
  });
}

async function end(row) {
  if (await confirmed(`End the session of ${row.owner ?? row.ownerHash?.slice(0, 16) ?? "nobody"}?`))
    await act("revoke", { handle: row.handle });
}

async function endAll(owner, name) {
  if (await confirmed(`End all sessions of ${name}?`)) await act("revoke-all", { owner });
}

async function act(path, body) {
  const at = rowsShown().indexOf(document.activeElement);
  try {
    const { revoked } = await ask(path, body);
    tell(`${number.format(revoked)} ended`);
  } catch (error) {
    tell(error.message);
  }
  $("#details").close();
  show({ focus: Math.max(at, 0) });
}

let lastScan = 0;
new EventSource("api/events").onmessage = ({ data }) => {
  const { store, sessions, owners, bytes, asOf, scanned, error } = JSON.parse(data);
  $("#store").textContent = store;
  $("#count").textContent = number.format(asOf === 0 ? (scanned ?? 0) : sessions);
  $("#owners").textContent = number.format(owners);
  $("#bytes").textContent = size(bytes);
  $("#average").textContent = sessions === 0 ? "–" : size(bytes / sessions);
  const reading = scanned === undefined ? "" : `reading, ${number.format(scanned)} so far`;
  const read = asOf === 0 ? "" : `as of ${new Date(asOf).toLocaleTimeString()}`;
  $("#state").textContent = error ?? [read, reading].filter(Boolean).join(" · ");
  $("#scan").disabled = scanned !== undefined;
  if (asOf === lastScan) return;
  lastScan = asOf;
  const at = rowsShown().indexOf(document.activeElement);
  show(at < 0 ? {} : { focus: at });
};

$("#scan").onclick = () => ask("scan", {}).catch((error) => tell(error.message));
$("#previous").onclick = () => turnPage(-1);
$("#next").onclick = () => turnPage(1);
$("#only").onclick = () => {
  Object.assign(state, { owner: "", offset: 0 });
  show();
};
$("#search").oninput = ({ target }) => {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => {
    Object.assign(state, { q: target.value, owner: "", offset: 0 });
    show();
  }, 150);
};
for (const choice of document.querySelectorAll('input[name="view"]')) {
  choice.onchange = () => {
    Object.assign(state, { view: choice.value, owner: "", offset: 0 });
    show();
  };
}

document.addEventListener("keydown", (event) => {
  if ($("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target === $("#search");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    $("#search").select();
    return;
  }
  if (event.target.name === "view") return; // the arrow keys select a view here
  if (isTyping && !["ArrowDown", "Escape"].includes(event.key)) return;
  const at = rowsShown().indexOf(document.activeElement);
  const row = document.activeElement?.row;
  const keys = {
    ArrowDown: () => focusRow(at + 1),
    ArrowUp: () => focusRow(at - 1),
    Home: () => focusRow(0),
    End: () => focusRow(PAGE),
    ArrowLeft: () => turnPage(-1),
    ArrowRight: () => turnPage(1),
    PageUp: () => turnPage(-1),
    PageDown: () => turnPage(1),
    Escape: () => focusRow(0),
    Enter: row && (() => open(row)),
    Delete: row && (() => (row.handle ? end(row) : endAll(row.hash, row.owner ?? row.hash.slice(0, 16)))),
  };
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

show();
