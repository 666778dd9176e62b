// Keeps the page and its segments for a reload without a connection. Answers are none of its business: the page keeps them.

const SHELL = "prefgym-shell";
const SEGMENTS = "prefgym-segments";
const MOST = 200; // segments and geometries kept

const base = new URL(self.registration.scope);
const isShell = ({ pathname }) => pathname === base.pathname || pathname.startsWith(`${base.pathname}static/`);
const isSegment = ({ pathname }) => /^api\/v1\/(segments|geometries)\//.test(pathname.slice(base.pathname.length));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  const { data } = event;
  if (data.forget) caches.delete(SEGMENTS);
  if (!data.keep) return;
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(data.keep)).then(() => event.source.postMessage({ isKept: true })));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== base.origin) return;
  if (isShell(url)) event.respondWith(fresh(event.request, url));
  else if (isSegment(url)) event.respondWith(kept(event.request));
});

/** From the server, so that a new version is seen at once; from what was kept if there is none. */
async function fresh(request, url) {
  const cache = await caches.open(SHELL);
  const key = url.origin + url.pathname;
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(key, response.clone());
    return response.status < 500 ? response : ((await cache.match(key)) ?? response); // a proxy whose server is gone
  } catch (problem) {
    const known = await cache.match(key);
    if (known) return known;
    throw problem;
  }
}

/** What never changes is asked for once. */
async function kept(request) {
  const cache = await caches.open(SEGMENTS);
  const known = await cache.match(request.url);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) {
    await cache.put(request.url, response.clone());
    const keys = await cache.keys();
    for (const key of keys.slice(0, Math.max(0, keys.length - MOST))) await cache.delete(key);
  }
  return response;
}
