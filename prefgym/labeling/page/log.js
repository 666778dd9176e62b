// The rater's own answers as events: nothing is changed, a later event supersedes.

export class Log {
  constructor(events = []) {
    this.events = [];
    this.standing = new Map(); // assignment -> the answer that holds, in the order of answering
    this.notes = new Map();
    for (const event of events) this.apply(event);
  }

  apply(event) {
    const { assignment, type, status, statement } = event;
    const before = this.standing.get(assignment);
    this.events.push(event);
    if (type === "answer") this.standing.set(assignment, { assignment, status, statement, seconds: event.seconds });
    else if (type === "amend" && before) {
      const isStrength = Object.keys(statement).join() === "strength";
      this.standing.set(assignment, { ...before, status, statement: isStrength ? { ...before.statement, ...statement } : statement });
    } else if (type === "retract") this.standing.delete(assignment);
    else if (type === "note") this.notes.set(assignment, statement.text);
  }

  /** The answer that was given last and still holds. */
  newest() {
    return [...this.standing.values()].at(-1);
  }

  /** Median seconds of an answer; null before the third. */
  pace() {
    const seconds = [...this.standing.values()].map((answer) => answer.seconds).filter((one) => one > 0);
    return seconds.length < 3 ? null : seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)];
  }
}
