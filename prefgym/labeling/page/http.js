// One request to the HTTP API. Addresses are relative, so that it works under any path.

/** Send JSON, if there is any; fails if nobody answers. */
export function request(method, path, body) {
  return fetch(`api/v1/${path}`, {
    method,
    cache: "no-store",
    headers: method === "GET" ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}
