// Mouse, touch and wheel on a stage. They move the camera or call back; they know nothing of answers.

const SWIPE = 64; // pixels until a swipe counts

/**
 * Let pointers move the camera. With onSwipe, one finger swipes and two turn; without it, one finger turns.
 * onSwipe(way), onSwipeMove({ way, share } or null): way is left, right, up or down.
 * wheel: "zoom", or "ctrl" for a stage on a page that scrolls.
 * Returns a function that takes the listeners away.
 */
export function watchPointers(stage, camera, { onSwipe = null, onSwipeMove = () => {}, wheel = "zoom" } = {}) {
  const held = new Map();
  const listening = new AbortController();
  const listen = (names, handle, options = {}) => {
    for (const name of names) stage.addEventListener(name, handle, { signal: listening.signal, ...options });
  };
  let start = null;
  listen(["pointerdown"], (event) => {
    if (event.button > 0 || event.target.closest("button, input, a")) return;
    stage.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = onSwipe && held.size === 1 && event.pointerType === "touch" ? { x: event.clientX, y: event.clientY } : null;
    if (!start) onSwipeMove(null);
  });
  listen(["pointermove"], (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    const now = { x: event.clientX, y: event.clientY };
    held.set(event.pointerId, now);
    if (start) onSwipeMove(swipeOf(start, now));
    else if (other) {
      camera.zoom(Math.hypot(before.x - other.x, before.y - other.y) / Math.max(20, Math.hypot(now.x - other.x, now.y - other.y)));
      camera.turn((now.x - before.x) * 0.2, (now.y - before.y) * 0.2);
    } else camera.turn((now.x - before.x) * 0.35, (now.y - before.y) * 0.35);
  });
  listen(["pointerup", "pointercancel"], (event) => {
    if (held.delete(event.pointerId) && start) {
      const swipe = swipeOf(start, { x: event.clientX, y: event.clientY });
      onSwipeMove(null);
      if (event.type === "pointerup" && swipe?.share >= 1) onSwipe(swipe.way);
    }
    start = null;
  });
  const onWheel = (event) => {
    if (wheel === "ctrl" && !event.ctrlKey) return;
    event.preventDefault();
    camera.zoom(Math.exp(event.deltaY * (event.ctrlKey ? 0.008 : 0.0012)));
  };
  listen(["wheel"], onWheel, { passive: false });
  return () => listening.abort();
}

function swipeOf(start, now) {
  const [x, y] = [now.x - start.x, now.y - start.y];
  const length = Math.max(Math.abs(x), Math.abs(y));
  if (length < 12) return null;
  const way = Math.abs(x) > Math.abs(y) ? (x > 0 ? "right" : "left") : y > 0 ? "down" : "up";
  return { way, share: Math.min(1, length / SWIPE) };
}
