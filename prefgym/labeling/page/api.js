// The HTTP API, as the page uses it.

import { request } from "./http.js";

/** The server answered, and said no. */
export class Refused extends Error {
  constructor(status, { code, detail } = {}) {
    super(typeof detail === "string" ? detail : `status ${status}`);
    this.status = status;
    this.code = code ?? String(status);
  }
}

/** Nobody answered, or a server that cannot work right now: worth another try. */
export class Unreachable extends Error {}

async function call(method, path, body) {
  let response;
  try {
    response = await request(method, path, body);
  } catch (problem) {
    throw new Unreachable(problem.message);
  }
  if (response.status >= 500 || response.status === 429) throw new Unreachable(`status ${response.status}`);
  const answer = response.status === 204 ? null : await response.json().catch(() => undefined);
  if (answer === undefined || (!response.ok && !answer?.code)) throw new Unreachable("somebody else answered"); // such as a proxy, or a portal
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

async function bytes(path) {
  let response;
  try {
    response = await fetch(`api/v1/${path}`);
  } catch (problem) {
    throw new Unreachable(problem.message);
  }
  if (response.status >= 500 || response.status === 429) throw new Unreachable(`status ${response.status}`);
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response;
}

export const api = {
  join: (invitation, participant) => call("POST", "session", participant ? { invitation, participant } : { invitation }),
  leave: () => call("DELETE", "session"),
  me: () => call("GET", "me"),
  consent: () => call("POST", "consent", {}),
  withdraw: () => call("POST", "withdraw", {}),
  assignments: (num) => call("POST", "assignments", { num }),
  renew: (assignments) => call("POST", "leases", { assignments }),
  record: (events) => call("POST", "events", events),
  history: () => call("GET", "events"),
  completion: () => call("GET", "completion"),
  segment: (id) => bytes(`segments/${id}`),
  geometry: (id) => bytes(`geometries/${id}`),
};
