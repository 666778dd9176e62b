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

/** Take the invitation up. A link that is used up is no matter to somebody whom the server still knows. */
async function join({ token, participant }) {
  try {
    await api.join(token, participant);
    return null;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return problem;
  }
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

async function work(vault, outbox, { me, events, isOnline }, before) {
  const owner = ownerOf(me);
  const isOther = before && before.study === me.study.id && before.name !== me.name;
  if (before && before.owner !== owner) await Promise.all(["assignments", "kept"].map((store) => vault.clear(store)));
  await vault.put("kept", { study: me.study.id, name: me.name, owner }, "rater");
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
  const isSameVisit = sessionStorage.getItem("prefgym-visit") === owner;
  sessionStorage.setItem("prefgym-visit", owner);
  const told = isOther ? guide.otherRater(before.name, me.name) : me.returning ? guide.welcomeBack(me.name, me.progress.mine) : null;
  if (!isSameVisit || !me.consented || isOther) {
    await app.panels.welcome({ told, isReturning: me.returning || isOther });
    await vault.put("kept", { me, events: own }, "sitting");
  }
  if (isOnline) keepShell();
  await app.start();
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
  const refused = invitation.token ? await join(invitation) : null;
  let who;
  try {
    who = await whoAmI(vault);
  } catch (problem) {
    if (problem instanceof Refused && refused) showScreen(root, screens.refusedLink(refused.message));
    else if (problem instanceof Refused && screens[problem.code]) showScreen(root, screens[problem.code]);
    else if (problem instanceof Refused) showScreen(root, before ? screens.signedOut : screens.invite);
    else throw problem;
    return;
  }
  await takeTurn(vault, outbox, who, before);
}

/** One tab at a time; another one may take over. */
async function takeTurn(vault, outbox, who, before) {
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
  if (await sitting.take(steal)) await work(vault, outbox, who, before);
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
