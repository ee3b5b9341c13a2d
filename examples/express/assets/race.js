// Shows a race live: the server streams its events as lines of JSON.
const start = document.querySelector("#start");

function laneOf({ race, side }) {
  return document.querySelector(`[data-race="${race}"][data-side="${side}"]`);
}

function show(event) {
  const lane = laneOf(event);
  const cells = [...lane.querySelectorAll(".cells span")];
  if (event.waiting !== undefined) {
    cells.slice(0, event.waiting).forEach((cell) => {
      cell.className = "waits";
    });
    say(lane, "", `${event.waiting} requests have loaded the session`);
    return;
  }
  lane.querySelector(".figures").textContent = `${event.ms} ms`;
  if (event.kept !== undefined) {
    event.kept.forEach((isKept, n) => {
      cells[n].className = isKept ? "kept" : "lost";
    });
    const kept = event.kept.filter(Boolean).length;
    const lost = event.kept.length - kept;
    say(
      lane,
      lost === 0 ? "kept" : "lost",
      `${kept} of ${event.kept.length} changes kept${lost === 0 ? "" : `, ${lost} lost`}`,
    );
    return;
  }
  for (const cell of cells) cell.className = event.isLoggedIn ? "lost" : "kept";
  say(
    lane,
    event.isLoggedIn ? "lost" : "kept",
    event.isLoggedIn ? "Logged in again: the log-out was undone" : "Logged out is logged out",
  );
}

function say(lane, kind, text) {
  const verdict = lane.querySelector(".verdict");
  verdict.className = `verdict ${kind}`;
  verdict.textContent = text;
}

start.addEventListener("click", async () => {
  start.disabled = true;
  for (const cell of document.querySelectorAll(".cells span")) cell.className = "";
  for (const lane of document.querySelectorAll("[data-race]")) {
    say(lane, "", "");
    lane.querySelector(".figures").textContent = "";
  }
  try {
    const response = await fetch("/race", { method: "POST" });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) show(JSON.parse(line));
    }
  } finally {
    start.disabled = false;
  }
});
