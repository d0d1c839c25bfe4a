// Whether a person is really here: something was pressed, typed or moved. An open tab is not enough, and a list that
// scrolls by itself neither.

const EVERY = 20_000; // ms
const HERE_FOR = 60_000; // ms, as the server sees it (advisors/models.py)
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"];
const HANDED_ON = "jiayi-last-sign"; // in sessionStorage

let lastSign = handedOn() ?? performance.now(); // opening the page is something a person does

// Leave the page by `go()` without being told to: nobody opened the next one, which is told when somebody was last here.
export function byItself(go) {
  try {
    sessionStorage.setItem(HANDED_ON, Date.now() - (performance.now() - lastSign));
  } catch {
    // the next page takes itself for opened by somebody
  }
  go();
}

function handedOn() {
  try {
    const at = sessionStorage.getItem(HANDED_ON);
    sessionStorage.removeItem(HANDED_ON);
    return at && performance.now() - (Date.now() - Number(at));
  } catch {
    return null;
  }
}

const onSign = (note) => {
  for (const sign of SIGNS) document.addEventListener(sign, note, { passive: true, capture: true });
};

// Whether somebody did something on this page within the last minute.
export const isHere = () => performance.now() - lastSign < HERE_FOR;

// Calls `back` when somebody does something after having been away.
export function watchActivity(back) {
  onSign(() => {
    const wasHere = isHere();
    lastSign = performance.now();
    if (!wasHere) back();
  });
}

// Tells the server that this person is here.
export function reportActivity(api, url) {
  let last = -EVERY;
  onSign(() => {
    if (performance.now() - last < EVERY) return;
    last = performance.now();
    api.post(url).catch(() => {}); // the next sign of life tells it again
  });
}
