// Tells the server that a person is really here: something was pressed, typed or moved. An open tab is not enough,
// and a list that scrolls by itself neither.

const EVERY = 20_000; // ms
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"];

export function reportActivity(api, url) {
  let last = -EVERY;
  const note = () => {
    if (performance.now() - last < EVERY) return;
    last = performance.now();
    api.post(url).catch(() => {}); // the next sign of life tells it again
  };
  for (const sign of SIGNS) document.addEventListener(sign, note, { passive: true, capture: true });
}
