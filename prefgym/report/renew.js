// Renews the page of a running run, but not under somebody's hands: not while a clip plays, segments are looked at in 3-D, text is selected,
// a list is unfolded, the tab is hidden, or the box is not ticked. Says for how long nobody has written the page.
const box = document.getElementById("renew"), state = document.getElementById("state");
try { box.checked = sessionStorage.renew !== "no"; } catch { /* a page from disk may have no storage */ }
box.onchange = () => { try { sessionStorage.renew = box.checked ? "yes" : "no"; } catch { /* likewise */ } };
const isBusy = () => document.hidden || !getSelection().isCollapsed || document.querySelector("details[open]")
  || document.querySelector(".look")
  || [...document.querySelectorAll("video")].some((video) => !video.paused);
const tick = () => {
  const minutes = Math.floor((Date.now() / 1000 - WRITTEN) / 60);
  if (minutes >= 2) {
    state.className = "status stopped";
    state.lastChild.textContent = `No news for ${minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`}`;
  }
};
tick();
setInterval(() => { tick(); if (box.checked && !isBusy()) location.reload(); }, 15000);
