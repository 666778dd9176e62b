// Makes a reload without a connection possible: a service worker keeps the page itself and the segments it has fetched.

/** Start the service worker, and hand it what this page was made of; resolves when it has it. Plain http from another machine has none. */
export async function keepShell() {
  if (!navigator.serviceWorker) return;
  const base = new URL(".", location.href);
  await navigator.serviceWorker.register("service-worker.js", { scope: base.pathname });
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const shell = loaded.filter((url) => url.startsWith(`${base.href}static/`));
  active.postMessage({ keep: [base.href, ...new Set(shell)] });
  await new Promise((resolve) => navigator.serviceWorker.addEventListener("message", ({ data }) => data.isKept && resolve()));
}
