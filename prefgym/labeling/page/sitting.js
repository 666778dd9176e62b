// One tab of a rater is at work at a time, so that no assignment is answered twice.

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("prefgym-label") : null;

/** Take up work. Calls onLost() when another tab takes it over; onFree() when the one that has it is closed. */
export class Sitting {
  constructor(owner, { onLost, onFree }) {
    Object.assign(this, { name: `prefgym-label ${owner}`, onLost, onFree, id: Math.random() });
    this.isMine = false;
    channel?.addEventListener("message", ({ data }) => this.hear(data));
  }

  /** Whether this tab may work; with `steal` it may in any case. */
  async take(steal = false) {
    this.isMine = navigator.locks ? await this.lock(steal) : await this.ask(steal);
    if (!this.isMine) this.await();
    return this.isMine;
  }

  /** Call onFree() once the tab that is at work is closed. */
  await() {
    navigator.locks?.request(this.name, () => this.onFree());
  }

  /** Hold a lock until the tab is closed, or another one steals it. */
  lock(steal) {
    return new Promise((resolve) => {
      const options = steal ? { steal: true } : { ifAvailable: true };
      const held = navigator.locks.request(this.name, options, (lock) => {
        resolve(Boolean(lock));
        return lock ? new Promise(() => {}) : undefined;
      });
      held.catch(() => this.lose());
    });
  }

  /** Where there are no locks (a page that came over plain http): ask whether another tab is at work. */
  ask(steal) {
    if (!channel) return Promise.resolve(true);
    this.send(steal ? "take" : "ask");
    return new Promise((resolve) => {
      this.refuse = () => resolve(false);
      setTimeout(() => resolve(true), steal ? 0 : 200);
    });
  }

  send(what) {
    channel.postMessage({ name: this.name, from: this.id, what });
  }

  hear({ name, from, what }) {
    if (navigator.locks || name !== this.name || from === this.id) return;
    if (what === "ask" && this.isMine) this.send("mine");
    else if (what === "mine") this.refuse?.();
    else if (what === "take") this.lose();
  }

  lose() {
    if (!this.isMine) return;
    this.isMine = false;
    this.onLost();
    this.await();
  }
}
