// What is to be answered next: leased from the server, fetched ahead, kept so that a reload without a connection can go on.

import { Refused, Unreachable, api } from "./api.js";
import { forget } from "./segments.js";

const AHEAD = 3; // questions whose segments are fetched before they are needed
const MOST = 10; // assignments that a server gives out at once

export class Feed {
  /** load(part) fetches and decodes one segment; handlers: arrived(), problem(error). */
  constructor({ vault, log, load, onArrival, onProblem }) {
    Object.assign(this, { vault, log, load, onArrival, onProblem });
    this.queue = [];
    this.known = new Map();
    this.loading = new Map();
    this.ready = new Map();
    this.isDone = null; // nobody has said yet
  }

  /** Take up what an earlier page has kept. */
  async restore() {
    for (const assignment of await this.vault.all("assignments")) this.known.set(assignment.id, assignment);
    this.queue = ((await this.vault.get("kept", "queue")) ?? []).map((id) => this.known.get(id)).filter(Boolean);
    this.drop();
  }

  isOpen(assignment) {
    return !this.log.standing.has(assignment.id);
  }

  /** Forget in the queue what has been answered. */
  drop() {
    this.queue = this.queue.filter((one) => this.isOpen(one));
  }

  head() {
    this.drop();
    return this.queue[0];
  }

  /** Put an assignment that is open again before all others. */
  reopen(id) {
    const assignment = this.known.get(id);
    if (assignment) this.queue = [assignment, ...this.queue.filter((one) => one.id !== id)];
    return assignment;
  }

  /** Ask the server for more, one question at a time. `unsent`: answers it does not know of yet. */
  fill(unsent = 0) {
    this.filling ??= this.work(unsent).finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  async work(unsent) {
    try {
      const { assignments, done } = await api.assignments(Math.min(MOST, AHEAD + 1 + unsent));
      this.isDone = done;
      this.problem = null;
      await this.merge(assignments);
      this.onArrival();
    } catch (problem) {
      if (!(problem instanceof Unreachable || problem instanceof Refused)) throw problem;
      this.problem = problem;
      this.onProblem(problem);
    }
  }

  /** The server's order is the order; what it no longer leases is somebody else's by now. */
  async merge(assignments) {
    for (const one of assignments) {
      this.known.set(one.id, one);
      await this.vault.put("assignments", one, one.id);
    }
    const current = this.queue[0];
    this.queue = assignments.filter((one) => this.isOpen(one));
    if (current && this.isOpen(current) && this.isShown === current.id) this.queue = [current, ...this.queue.filter((one) => one.id !== current.id)];
    await this.vault.put("kept", this.queue.map(({ id }) => id), "queue");
    this.prefetch();
  }

  prefetch() {
    for (const one of this.queue.slice(0, AHEAD + 1)) this.fetch(one).catch((problem) => this.onProblem(problem));
  }

  /** The decoded segments of a question, in the order shown. */
  fetch(assignment) {
    const known = this.loading.get(assignment.id);
    if (known) return known;
    const loading = Promise.all(assignment.segments.map((part) => this.load(part)));
    this.loading.set(assignment.id, loading);
    loading.then(
      (segments) => this.ready.set(assignment.id, segments),
      () => this.loading.delete(assignment.id), // the next try asks again
    );
    return loading;
  }

  /** Keep what is decoded small: the newest questions, and those to come. */
  trim(most = 24) {
    const wanted = new Set([this.isShown, ...this.queue.map(({ id }) => id)]);
    for (const id of this.ready.keys()) {
      if (this.ready.size <= most) return;
      if (!wanted.has(id)) {
        forget(this.ready.get(id));
        this.ready.delete(id);
        this.loading.delete(id);
      }
    }
  }

  renew() {
    if (this.queue.length === 0) return Promise.resolve();
    return api.renew(this.queue.map(({ id }) => id)).catch((problem) => this.onProblem(problem));
  }
}
