// From the link to work: who is it, may they begin, is another tab at it, and what was kept of last time.

import { Refused, Unreachable, api } from "./api.js";
import { App } from "./app.js";
import { readLayout } from "./keys.js";
import { keepShell } from "./offline.js";
import { Outbox } from "./outbox.js";
import { showScreen } from "./screens.js";
import { Sitting } from "./sitting.js";
import { showSaving } from "./status.js";
import { guide, screens, text } from "./texts.js";
import { Vault } from "./vault.js";

const root = document.getElementById("app");
const RETRY = 5000; // ms until the next try of a page that found nobody

/** The invitation in the address, which is cleaned at once: a token does not belong into a history or a bookmark. */
function takeInvitation() {
  const token = new URLSearchParams(location.hash.slice(1)).get("i");
  const participant = new URLSearchParams(location.search).get("participant");
  if (token) history.replaceState(null, "", location.pathname);
  return { token, participant };
}

/** A mark by which a link is known again; it leads to no token. */
function markOf(token) {
  let mark = 0x811c9dc5;
  for (const letter of token) mark = Math.imul(mark ^ letter.charCodeAt(0), 0x01000193);
  return mark >>> 0;
}

/** Take the invitation up. One that is used up, or of another person, is no matter to somebody whom the server knows. */
async function join({ token, participant }) {
  try {
    return { isReturning: (await api.join(token, participant)).returning };
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return { refused: problem };
  }
}

/** Somebody else sits here: leave what this browser was, and take the invitation up anew. */
async function changePlaces({ token, participant }) {
  await api.leave();
  await api.join(token, participant);
  location.reload();
}

/** Who is at work, from the server, or from what this device has kept while there is none. */
async function whoAmI(vault) {
  try {
    const me = await api.me();
    const events = await api.history();
    return { me, events, isOnline: true };
  } catch (problem) {
    if (!(problem instanceof Unreachable)) throw problem;
    const kept = await vault.get("kept", "sitting");
    if (!kept) throw problem;
    return { ...kept, isOnline: false };
  }
}

const ownerOf = (me) => `${me.study.id}/${me.name}`;

/** Add to the server's events those that have not reached it. */
function joined(events, pending) {
  const known = new Set(events.map(({ client_id }) => client_id));
  return [...events, ...pending.filter(({ client_id }) => !known.has(client_id))];
}

/** Leave work for good. Of somebody who has withdrawn nothing stays on this device either. */
async function end(state, { app, vault }) {
  app.stop();
  app.outbox.owner = null;
  document.querySelector("dialog[open]")?.close();
  showScreen(root, screens[state]);
  if (state !== "withdrawn") return;
  await Promise.all(["outbox", "assignments", "kept"].map((store) => vault.clear(store)));
  navigator.serviceWorker?.controller?.postMessage({ forget: true });
}

/** What a rater is told who has been here before, be it under this invitation or another one. */
function toldOf(me, before, invitation) {
  const isSameStudy = before?.study === me.study.id;
  if (isSameStudy && before.name !== me.name) return { told: guide.otherRater(before.name, me.name) };
  const isAnother = isSameStudy && invitation.isReturning && before.mark !== invitation.mark;
  if (isAnother) return { told: guide.sameRater(me.name), change: () => changePlaces(invitation) };
  return { told: me.returning ? guide.welcomeBack(me.name, me.progress.mine) : null };
}

async function work(vault, outbox, { me, events, isOnline }, before, invitation) {
  const owner = ownerOf(me);
  const { told, change } = toldOf(me, before, invitation);
  if (before && before.owner !== owner) await Promise.all(["assignments", "kept"].map((store) => vault.clear(store)));
  const mark = change || !invitation.token ? before?.mark : invitation.mark;
  await vault.put("kept", { study: me.study.id, name: me.name, owner, mark }, "rater");
  const pending = await outbox.pending(owner);
  const own = joined(events, pending);
  await vault.put("kept", { me, events: own }, "sitting");
  document.title = text.title(me.study.name);
  const app = new App(root, { vault, outbox, me, events: own, owner, onEnd: (state) => end(state, { app, vault }) });
  window.prefgym = { app };
  outbox.handlers = {
    onChange: () => showSaving(app),
    onReceipt: (receipt) => app.received(receipt),
    onRefused: (_, problem) => app.say(text.refused(problem.message)),
    onSignedOut: () => app.onEnd("signedOut"),
  };
  outbox.owner = owner;
  outbox.send();
  addEventListener("beforeunload", (event) => !vault.isLasting && outbox.waiting && event.preventDefault());
  const isSameVisit = sessionStorage.getItem("prefgym-visit") === owner;
  sessionStorage.setItem("prefgym-visit", owner);
  const started = me.consented ? app.start() : null; // the first question waits behind the dialog, unseen
  if (!isSameVisit || !me.consented || change) {
    await app.panels.welcome({ told, change, isReturning: Boolean(told) });
    await vault.put("kept", { me, events: own }, "sitting");
  }
  if (isOnline) keepShell().then(() => (app.isKept = true));
  await (started ?? app.start());
}

async function begin() {
  showScreen(root, screens.starting);
  await readLayout();
  const vault = await Vault.open();
  const before = await vault.get("kept", "rater");
  const outbox = new Outbox(vault, { onChange() {}, onReceipt() {}, onRefused() {}, onSignedOut() {} });
  const invitation = takeInvitation();
  if (invitation.token && before) {
    outbox.owner = before.owner; // what is still on its way belongs to whom this browser was before
    await outbox.send();
    outbox.owner = null;
  }
  if (invitation.token) Object.assign(invitation, { mark: markOf(invitation.token) }, await join(invitation));
  const { refused } = invitation;
  let who;
  try {
    who = await whoAmI(vault);
  } catch (problem) {
    if (problem instanceof Refused && refused) showScreen(root, screens.refusedLink(refused.message));
    else if (problem instanceof Refused && problem.code === "withdrawn") showScreen(root, screens.withdrawn);
    else if (problem instanceof Refused) showScreen(root, before ? screens.signedOut : screens.invite);
    else throw problem;
    return;
  }
  await takeTurn(vault, outbox, who, before, invitation);
}

/** One tab at a time; another one may take over. */
async function takeTurn(vault, outbox, who, before, invitation) {
  const elsewhere = () => showScreen(root, screens.elsewhere, { run: takeOver });
  const takeOver = () => {
    sessionStorage.setItem("prefgym-take-over", "yes");
    location.reload();
  };
  const lose = () => {
    outbox.owner = null;
    document.querySelector("dialog[open]")?.close();
    window.prefgym?.app.stop();
    elsewhere();
  };
  const sitting = new Sitting(ownerOf(who.me), { onLost: lose, onFree: () => location.reload() });
  const steal = sessionStorage.getItem("prefgym-take-over") !== null;
  sessionStorage.removeItem("prefgym-take-over");
  if (await sitting.take(steal)) await work(vault, outbox, who, before, invitation);
  else elsewhere();
}

async function run() {
  try {
    await begin();
  } catch (problem) {
    if (problem instanceof Unreachable) {
      showScreen(root, screens.unreachable, { run: () => location.reload() });
      setTimeout(() => location.reload(), RETRY);
      return;
    }
    showScreen(root, screens.broken);
    throw problem;
  }
}

run();
