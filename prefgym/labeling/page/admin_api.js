// The HTTP API, as the admin page uses it.

import { request } from "./http.js";

/** The server said no, or nobody answered; status 0: nobody did. */
export class Trouble extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await request(method, path, body);
  } catch (problem) {
    throw new Trouble(0, problem.message);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw new Trouble(response.status, answer?.detail ?? `status ${response.status}`);
  return answer;
}

/** The calls of an admin about one study; null: the newest. */
export function adminApi(study) {
  const about = (path) => (study ? `admin/${path}${path.includes("?") ? "&" : "?"}study=${study}` : `admin/${path}`);
  return {
    logIn: (token) => call("POST", "session", { admin_token: token }),
    overview: () => call("GET", about("overview")),
    raters: () => call("GET", about("raters")),
    agreement: () => call("GET", about("agreement")),
    disputed: () => call("GET", about("disputed")),
    invitations: () => call("GET", about("invitations")),
    invite: (wish) => call("POST", about("invitations"), wish),
    revoke: (number) => call("DELETE", about(`invitations/${number}`)),
    pause: (paused) => call("POST", about("pause"), { paused }),
    exclude: (rater, excluded) => call("POST", `admin/raters/${rater}/exclude`, { excluded }),
    withdraw: (rater) => call("DELETE", `admin/raters/${rater}`),
    file: (format, raters) => `api/v1/${about(`export?format=${format}&raters=${raters}`)}`,
  };
}
