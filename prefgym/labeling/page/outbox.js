// Sends what was answered. On disk first, then on its way, until the server has said that it has it; doubles do no harm there.

import { Refused, Unreachable, api } from "./api.js";

const BATCH = 20;
const UNFIT = [413, 422]; // statuses of an event that will never be taken; with any other, it is sent again
const PAUSES = [1, 2, 4, 8, 15, 30]; // seconds until the next try

/** A random UUID. `crypto.randomUUID` is missing on a page that came over plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export class Outbox {
  /** onChange(): the state is another one; onReceipt(receipt), onRefused(event, problem), onSignedOut(problem). */
  constructor(vault, handlers) {
    Object.assign(this, { vault, handlers, writing: 0, failures: 0, unkept: [], state: "saved", waiting: 0 });
    for (const name of ["online", "focus"]) addEventListener(name, () => this.send());
    addEventListener("offline", () => this.tell("offline"));
  }

  /** What of `owner` is not sent yet, oldest first. */
  async pending(owner) {
    return (await this.vault.all("outbox")).filter((kept) => kept.owner === owner).map((kept) => kept.event);
  }

  /** Keep an event, and send it as soon as there is somebody to send it to. Resolves once it is on this device's disk. */
  async push(owner, event) {
    this.writing += 1;
    this.waiting += 1;
    this.tell("saving");
    await this.vault.put("outbox", { owner, event }).catch(() => this.unkept.push({ owner, event })); // no room: send it all the same
    this.writing -= 1;
    this.failures = 0; // a rater at work is a reason to try at once
    this.send();
  }

  tell(state) {
    this.state = state;
    this.handlers.onChange();
  }

  /** Send everything of the rater at work, one batch after another; one sender at a time. */
  send() {
    if (!this.owner) return Promise.resolve();
    this.again = true;
    this.sending ??= this.work().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async work() {
    clearTimeout(this.timer);
    while (this.again) {
      this.again = false;
      const keys = await this.vault.keys("outbox");
      const kept = await this.vault.all("outbox");
      const all = [...kept.map((entry, at) => ({ key: keys[at], ...entry })), ...this.unkept];
      const mine = all.filter(({ owner }) => owner === this.owner);
      this.waiting = mine.length + this.writing;
      if (mine.length === 0) {
        if (this.writing === 0) this.tell("saved");
        continue;
      }
      this.tell(navigator.onLine ? "saving" : "offline");
      if (!(await this.sendBatch(this.alone ? mine.slice(0, 1) : mine.slice(0, BATCH)))) return;
      this.again = true;
    }
  }

  /** Whether the server has answered for this batch, be it with a no. */
  async sendBatch(batch) {
    try {
      const receipts = await api.record(batch.map(({ event }) => event));
      const known = new Set(Array.isArray(receipts) ? receipts.map(({ client_id }) => client_id) : []);
      if (!batch.every(({ event }) => known.has(event.client_id))) return this.later(); // nobody said that it has them
      await this.forget(batch);
      for (const receipt of receipts) this.handlers.onReceipt(receipt);
      this.failures = 0;
      return true;
    } catch (problem) {
      if (problem instanceof Unreachable) return this.later();
      if (!(problem instanceof Refused)) throw problem;
      if (problem.status === 401) {
        this.tell("offline");
        this.handlers.onSignedOut(problem);
        return false;
      }
      if (!UNFIT.includes(problem.status)) return this.later();
      if (batch.length > 1) this.alone = true; // so that the others of the batch are not lost with the one that is refused
      else {
        await this.forget(batch);
        this.alone = false;
        this.handlers.onRefused(batch[0].event, problem);
      }
      return true;
    }
  }

  async forget(batch) {
    for (const { key } of batch) if (key !== undefined) await this.vault.remove("outbox", key);
    this.unkept = this.unkept.filter(({ event }) => !batch.some((sent) => sent.event === event));
  }

  later() {
    this.tell("offline");
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.send(), pause * 1000);
    return false;
  }
}
