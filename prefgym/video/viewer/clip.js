// Clips: the pictures of a video, decoded before they are shown, so that they are drawn by the same frame clock as poses.

/** A segment to draw, from the bytes of an MP4 with a picture every dt seconds. */
export async function readClip(bytes, dt) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
  const address = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  try {
    video.src = address;
    await happened(video, "loadeddata");
    const frames = Math.max(1, Math.round(video.duration / dt));
    const pictures = [];
    for (let frame = 0; frame < frames; frame += 1) {
      const sought = happened(video, "seeked");
      video.currentTime = (frame + 0.5) * (video.duration / frames); // the middle of the picture, not its edge
      await sought;
      pictures.push(await createImageBitmap(video));
    }
    const { videoWidth: width, videoHeight: height } = video;
    return { kind: "clip", dt, frames, pictures, width, height };
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}

/** Free the pictures of a clip. */
export function closeClip(segment) {
  for (const picture of segment.pictures ?? []) picture.close();
}

function happened(video, name) {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error(video.error?.message || "this video cannot be played")), { once: true });
  });
}
