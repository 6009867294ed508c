"use strict";
// Draws what the stream tells. Every text is set as text: nothing that is told becomes an element.

const token = location.hash.slice(1);
const chosen = { account: 0, view: "overview" };
let view = null;          // the newest line of the stream
let listed = {};          // rows of orders, fills and runs, by their name
let stream = null;        // ends the stream that is read
let acting = null;        // the action that is asked about

const VIEWS = {
  overview: "Overview", positions: "Positions", working: "Working orders", strategies: "Strategies",
  alerts: "Alerts", components: "Components", orders: "Orders", fills: "Fills", runs: "Reports",
};
const LISTS = ["orders", "fills", "runs"];
const LIST_EVERY_MS = 5000;
const SILENT_MS = 6000;
const ACTIONS = {
  pause: {
    name: "Pause", title: "Pause this account?",
    text: "No new entries; exits go on and stops stay. To go on: tradectl resume, in a terminal.",
  },
  stop: {
    name: "Emergency stop", title: "Stop this account for good?",
    text: "Every open order but protective stops is cancelled and the run ends. Positions stay. "
      + "Only tradectl clear-halt, in a terminal, trades again.",
  },
  flatten: {
    name: "Stop and flatten", title: "Stop this account and close every position?",
    text: "Every open order is cancelled, every position is closed at the market, and the run ends. "
      + "Only tradectl clear-halt, in a terminal, trades again.",
  },
};

const $ = (id) => document.getElementById(id);

function element(name, text, ...classes) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  made.classList.add(...classes.filter(Boolean));
  return made;
}

function holding(parent, ...children) {
  parent.append(...children);
  return parent;
}

// --- figures -------------------------------------------------------------------------------------

/** A price: its thousands apart, two digits after the point; a small one keeps all: 0.00000012. */
function price(text) {
  if (!text) return "";
  const [whole, fraction = ""] = text.split(".");
  return /^-?0$/.test(whole) ? plain(text) : `${grouped(whole)}.${fraction.slice(0, 2).padEnd(2, "0")}`;
}

/** An amount of the account's currency, cut to two digits after the point. */
function money(text) {
  if (!text) return "";
  const [whole, fraction = ""] = text.split(".");
  return `${grouped(whole)}.${fraction.slice(0, 2).padEnd(2, "0")}`;
}

const grouped = (whole) => whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
const plain = (text) => (/\./.test(text ?? "") ? text.replace(/\.?0+$/, "") : text ?? "");
const signed = (text) => (text && !text.startsWith("-") && /[1-9]/.test(text) ? "+" : "") + money(text);
const tone = (text) => (!text || !/[1-9]/.test(text) ? "" : text.startsWith("-") ? "bad" : "good");
const moment = (text) => (text ? text.slice(0, 19).replace("T", " ") : "");

// --- tables --------------------------------------------------------------------------------------

/** columns: [head, row => text, kind, row => class] with kind "number", "text" or none. */
function table(columns, rows, none) {
  if (!rows.length) return element("p", none, "dim");
  const head = element("tr");
  for (const [name, , kind] of columns) head.append(element("th", name, kind));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    for (const [, of, kind, classes] of columns) {
      const shown = of(row);
      line.append(shown instanceof Node ? holding(element("td"), shown)
        : element("td", shown, kind, classes ? classes(row) : ""));
    }
    body.append(line);
  }
  const whole = holding(element("table"), holding(element("thead"), head), body);
  return holding(element("div", null, "scroll"), whole);
}

const card = (title, content) => holding(element("div", null, "card"), element("h2", title), content);

const POSITION = [
  ["Symbol", (r) => r.symbol], ["Side", (r) => r.side + (r.dust ? " (dust)" : "")],
  ["Size", (r) => plain(r.size), "number"], ["Entry", (r) => price(r.entry_price), "number"],
  ["Price", (r) => price(r.current_price), "number"],
  ["Unrealised", (r) => signed(r.unrealized_pnl), "number", (r) => tone(r.unrealized_pnl)],
  ["Realised", (r) => signed(r.realized_pnl), "number", (r) => tone(r.realized_pnl)],
  ["Fees", (r) => money(r.fees), "number"],
  ["Liquidation", (r) => price(r.liquidation_price), "number"],
];
const ORDER = [
  ["Time", (r) => moment(r.created_at)], ["Symbol", (r) => r.symbol], ["Side", (r) => r.side],
  ["Type", (r) => r.type + (r.reduce_only ? " (reduces)" : "")],
  ["Quantity", (r) => plain(r.quantity), "number"], ["Filled", (r) => plain(r.filled), "number"],
  ["Price", (r) => price(r.average_price ?? r.price ?? r.stop_price), "number"], ["Status", (r) => r.status],
  ["Strategy", (r) => r.strategy], ["Order", (r) => r.order_id], ["Reason", (r) => r.reason, "text"],
];
const FILL = [
  ["Time", (r) => moment(r.time)], ["Symbol", (r) => r.symbol], ["Side", (r) => r.side],
  ["Quantity", (r) => plain(r.quantity), "number"], ["Price", (r) => price(r.price), "number"],
  ["Fee", (r) => `${plain(r.fee)} ${r.fee_currency}`, "number"], ["Liquidity", (r) => r.liquidity],
  ["Strategy", (r) => r.strategy], ["Order", (r) => r.order_id],
];
const STRATEGY = [
  ["Strategy", (r) => r.name], ["Positions", (r) => r.positions.length, "number"],
  ["Orders", (r) => r.orders, "number"], ["Fills", (r) => r.fills, "number"],
  ["Realised", (r) => signed(r.realized_pnl), "number", (r) => tone(r.realized_pnl)],
  ["Unrealised", (r) => signed(r.unrealized_pnl), "number", (r) => tone(r.unrealized_pnl)],
  ["Fees", (r) => money(r.fees), "number"],
  ["Total", (r) => signed(r.total_pnl), "number", (r) => tone(r.total_pnl)],
];
const ALERT = [
  ["Time", (r) => moment(r.updated_at)],
  ["Severity", (r) => r.severity, "", (r) => ({ critical: "bad", error: "bad", warning: "warn" })[r.severity]],
  ["Type", (r) => r.type], ["Component", (r) => r.component], ["Count", (r) => r.count, "number"],
  ["Message", (r) => r.message, "text"], ["Status", (r) => r.status],
];
const COMPONENT = [
  ["Component", (r) => r.name], ["Status", (r) => r.status, "", (r) => (r.status === "FAILED" ? "bad" : "")],
  ["Heartbeat", (r) => moment(r.last_heartbeat)], ["Errors", (r) => r.error_count, "number"],
  ["Message", (r) => r.message, "text"],
];
const RUN = [
  ["Run", (r) => r.run_id], ["Mode", (r) => r.mode], ["Ended", (r) => r.status],
  ["Began", (r) => moment(r.started_at)], ["Events", (r) => grouped(String(r.events)), "number"],
  ["Orders", (r) => r.orders, "number"], ["Fills", (r) => r.fills, "number"],
  ["P&L", (r) => signed(r.pnl), "number", (r) => tone(r.pnl)], ["Report", (r) => reportButton(r)],
];

function reportButton(row) {
  const button = element("button", "Open");
  button.addEventListener("click", async () => {
    const tab = window.open("about:blank", "_blank");
    try {
      const { path } = await post("/api/report", { account: chosen.account, run_id: row.run_id });
      if (tab) { tab.opener = null; tab.location.replace(path); } else location.assign(path);
    } catch (error) {
      if (tab) tab.close();
      connection(error.message, true);
    }
  });
  return button;
}

// --- the equity line -----------------------------------------------------------------------------

function line(points) {
  if (points.length < 2) return element("p", "drawn once there are two looks at it", "dim");
  const values = points.map(([, equity]) => equity);
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 200");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `equity from ${low} to ${high}`);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  drawn.setAttribute("points", values.map((value, n) =>
    `${(1000 * n / (values.length - 1)).toFixed(1)},${(195 - 190 * (value - low) / span).toFixed(1)}`).join(" "));
  svg.append(drawn);
  const shown = (value) => money(value.toFixed(2)), from = points[0][0], to = points.at(-1)[0];
  return holding(element("div"),
    holding(element("div", null, "ends", "dim"), element("span", `high ${shown(high)}`), element("span", `low ${shown(low)}`)),
    svg,
    holding(element("div", null, "ends", "dim"), element("span", moment(from)), element("span", `${moment(to)} UTC`)));
}

// --- the parts of the page -----------------------------------------------------------------------

function draw() {
  if (!view) return;
  drawActions();
  drawAccounts();
  drawHeadline();
  drawNotices();
  drawViews();
  drawView();
  $("warning").hidden = !view.warning;
  $("warning").textContent = view.warning;
}

/** Put `children` in; what did not change stays, and what is replaced keeps where it was scrolled to. */
function put(parent, ...children) {
  const made = element("div");
  made.append(...children);
  if (parent.dataset.shown === made.innerHTML) return;
  parent.dataset.shown = made.innerHTML;
  const scrolled = [...parent.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
  parent.replaceChildren(...made.childNodes);
  parent.querySelectorAll(".scroll").forEach((each, n) => {
    if (scrolled[n]) [each.scrollLeft, each.scrollTop] = scrolled[n];
  });
}

function drawActions() {
  $("actions").hidden = !view.actions.length;
  put($("actions"), ...view.actions.map((kind) => {
    const button = element("button", ACTIONS[kind].name, kind === "pause" ? "" : "danger");
    button.dataset.action = kind;
    button.addEventListener("click", () => ask(kind));
    return button;
  }));
}

function drawAccounts() {
  while ($("accounts").childElementCount < view.accounts.length) $("accounts").append(accountButton());
  for (const each of view.accounts) drawAccount($("accounts").children[each.account], each);
}

/** It stays while its text changes: a click begins and ends on the same button. */
function accountButton() {
  const button = element("button"), account = $("accounts").childElementCount;
  button.addEventListener("click", () => { chosen.account = account; listed = {}; restart(); });
  return button;
}

function drawAccount(button, each) {
  button.setAttribute("aria-pressed", String(each.account === view.account));
  put(button,
    element("span", each.path, "dim"),
    holding(element("span"), element("span", each.state || "not seen yet", "state"), ` ${each.mode}`),
    element("span", each.equity === null ? "" : `equity ${money(each.equity)}, of the day, or since resume, ${signed(each.day_pnl)}`),
    element("span", [counted(each.positions, "position"), counted(each.open_orders, "order"), counted(each.alerts, "alert")].join(", "), "dim"),
    ...(each.problem ? [element("span", each.problem, "bad")] : []));
}

function figure(name, text, kind) {
  const wide = kind === "wide" ? kind : "";
  return holding(element("div", null, wide), element("dt", name), element("dd", text, wide ? "" : kind));
}

function drawHeadline() {
  const status = view.status;
  if (!status) { put($("headline")); return; }
  const totals = status.portfolio;
  const calm = ["RUNNING", "STOPPED"].includes(status.state);
  const made = element("dl", null, "figures");
  made.append(figure("State", status.state, calm ? "" : "bad"), figure("Mode", `${status.mode} ${status.source}`));
  if (totals) {
    made.append(
      figure(`Equity, ${totals.currency}`, money(totals.equity)),
      figure("Day, or since resume", signed(totals.day_pnl), tone(totals.day_pnl)),
      figure("Cash", money(totals.cash)),
      figure("Realised", signed(totals.realized_pnl), tone(totals.realized_pnl)),
      figure("Unrealised", signed(totals.unrealized_pnl), tone(totals.unrealized_pnl)),
      figure("Fees", money(totals.fees)), figure("Funding", signed(totals.funding)),
      figure("Drawdown", `${money(totals.drawdown_pct)} %, worst ${money(totals.max_drawdown_pct)} %`),
      figure("Margin used", money(totals.margin_used)));
  }
  const ages = Object.values(status.data_age_s);
  if (ages.length) made.append(figure("Oldest data", `${Math.max(...ages).toFixed(1)} s`));
  const lags = Object.values(status.event_lag ?? {}).map((lag) => lag.p50_ms);
  if (lags.length) made.append(figure("Data lag", `${Math.max(...lags).toFixed(0)} ms`));
  made.append(figure("Run", status.run_id ?? "none", "wide"));
  put($("headline"), made);
}

function notice(text, ...classes) {
  return element("p", text, "card", "notice", ...classes);
}

function drawNotices() {
  const status = view.status, made = [];
  if (status) {
    if (status.halt) made.push(notice(`${status.halt.state} since ${moment(status.halt.since)}: ${status.halt.reason}`, "critical"));
    for (const cause of status.paused?.causes ?? []) made.push(notice(`PAUSED since ${moment(cause.since)} by ${cause.cause}: ${cause.reason}`));
    for (const row of status.restrictions) made.push(notice(`${row.symbol} is restricted: ${row.message}`));
    for (const row of status.refused) made.push(notice(`${row.symbol}: ${row.kind} refused ${row.count} times: ${row.reason}`, "error"));
    if (!status.consistency.ok) made.push(notice(`the books do not add up: ${status.consistency.problems.join("; ")}`, "critical"));
  }
  for (const alert of view.alerts.filter((each) => each.severity === "critical" && each.status === "active").slice(0, 3))
    made.push(notice(`${alert.severity}: ${alert.message}`, "critical"));
  put($("notices"), ...made);
}

function drawViews() {
  put($("views"), ...Object.entries(VIEWS).map(([name, title]) => {
    const button = element("button", title);
    button.dataset.view = name;
    button.setAttribute("aria-selected", String(name === chosen.view));
    button.addEventListener("click", () => { chosen.view = name; draw(); refreshList(); });
    return button;
  }));
}

function drawView() {
  const status = view.status, name = chosen.view;
  if (LISTS.includes(name)) {
    const columns = { orders: ORDER, fills: FILL, runs: RUN }[name];
    const rows = listed[name];
    put($("view"), card(`${VIEWS[name]}, newest first`, rows ? table(columns, rows, "none yet") : element("p", "loading", "dim")));
    return;
  }
  if (!status) { put($("view"), element("p", "nothing was seen of this account yet", "dim")); return; }
  const parts = {
    positions: () => [card("Positions", table(POSITION, status.positions, "none open"))],
    working: () => [card("Working orders", table(ORDER, status.open_orders, "none working"))],
    strategies: () => [card("Strategies", table(STRATEGY, status.strategies, "none"))],
    alerts: () => [card("Alerts", table(ALERT, view.alerts, "none"))],
    components: () => [card("Components", table(COMPONENT,
      Object.entries(status.components).map(([of, row]) => ({ name: of, ...row })), "nothing runs"))],
    overview: () => [
      card("Equity, as this page's server saw it", line(view.equity)),
      card("Positions", table(POSITION, status.positions, "none open")),
      card("Working orders", table(ORDER, status.open_orders, "none working")),
      card("Alerts", table(ALERT, view.alerts.slice(0, 5), "none"))],
  };
  put($("view"), ...parts[name]());
}

// --- acting --------------------------------------------------------------------------------------

function ask(kind) {
  const what = ACTIONS[kind], path = view.accounts.find((each) => each.account === chosen.account).path;
  acting = { kind, account: chosen.account, nonce: null };
  $("ask-title").textContent = what.title;
  $("ask-text").textContent = `${path}: ${what.text}`;
  $("ask-label").textContent = `Type ${kind} to confirm`;
  $("ask-word").value = "";
  $("ask-word").disabled = false;
  $("ask-said").textContent = "";
  $("ask-command").hidden = true;
  $("ask-do").textContent = what.name;
  $("ask-do").className = kind === "pause" ? "" : "danger";
  $("ask-do").disabled = true;
  $("ask").showModal();
  $("ask-word").focus();
}

async function act() {
  if ($("ask-do").disabled) return;
  $("ask-do").disabled = true;
  $("ask-word").disabled = true;
  $("ask-said").textContent = "asking ...";
  try {
    const { nonce } = await post("/api/nonce", {});
    const answer = await post("/api/act", { kind: acting.kind, account: acting.account, word: $("ask-word").value, nonce });
    $("ask-said").textContent = came(answer);
    $("ask-command").hidden = !answer.command;
    $("ask-command").textContent = answer.command;
  } catch (error) {
    $("ask-said").textContent = error.message;
  }
}

function came(answer) {
  if (answer.kind === "pause") return answer.done ? `Done: ${answer.said}.` : `Not done: ${answer.said}`;
  const parts = [answer.latched ? "Latched: no order leaves any more." : "Not latched!"];
  if (answer.confirmed) parts.push(`Confirmed: ${counted(answer.cancelled, "order")} cancelled, ${counted(answer.closed, "position")} closed.`);
  else parts.push("Not confirmed: finish it with the command below, in a terminal.");
  if (answer.left.length) parts.push(`Left: ${answer.left.join(", ")}.`);
  if (answer.unprotected.length) parts.push(`Without a stop: ${answer.unprotected.join(", ")}.`);
  if (answer.said) parts.push(answer.said);
  return parts.join(" ");
}

// --- what is asked of the server -----------------------------------------------------------------

const headers = () => ({ Authorization: `Bearer ${token}` });

async function checked(response) {
  if (!response.ok) throw Object.assign(new Error((await response.text()).slice(0, 300)), { status: response.status });
  return response;
}

async function post(path, body) {
  const response = await checked(await fetch(path, {
    method: "POST", body: JSON.stringify(body), headers: { ...headers(), "Content-Type": "application/json" },
  }));
  return response.json();
}

async function refreshList() {
  const name = chosen.view, account = chosen.account;
  if (!LISTS.includes(name)) return;
  try {
    const response = await checked(await fetch(`/api/${name}?account=${account}`, { headers: headers() }));
    const rows = await response.json();
    if (account === chosen.account) listed[name] = rows;
    draw();
  } catch (error) {
    connection(error.message, true);
  }
}

function connection(text, lost) {
  $("connection").textContent = text;
  $("connection").classList.toggle("lost", lost);
}

function take(text) {
  view = JSON.parse(text);
  connection(`live, ${moment(view.at)} UTC`, false);
  draw();
}

async function read(signal) {
  const response = await checked(await fetch(`/api/stream?account=${chosen.account}`, { headers: headers(), signal }));
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await lines.read();
    if (done) return;
    heard = Date.now();
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (parts.length) take(parts.at(-1));
  }
}

let heard = Date.now();

function restart() {
  stream?.abort();
}

async function follow() {
  for (;;) {
    stream = new AbortController();
    heard = Date.now();
    try {
      await read(stream.signal);
      connection("the server ended: start tradectl web again", true);
    } catch (error) {
      if (error.status === 401) { connection(error.message, true); return; }
      if (error.name !== "AbortError") connection(`no connection: ${error.message}`, true);
    }
    if (!stream.signal.aborted) await new Promise((done) => setTimeout(done, 1000));
  }
}

setInterval(() => {
  if (Date.now() - heard < SILENT_MS || !stream || stream.signal.aborted) return;
  connection("nothing was heard for a while: what is shown is old", true);
  stream.abort();
}, 1000);
setInterval(refreshList, LIST_EVERY_MS);
$("ask-cancel").addEventListener("click", () => $("ask").close());
$("ask-do").addEventListener("click", act);
$("ask-word").addEventListener("input", () => {
  $("ask-do").disabled = $("ask-word").value.trim().toLowerCase() !== acting.kind;
});
$("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); act(); }
});
if (token) follow();
else connection("no token: open the address that tradectl web printed", true);
